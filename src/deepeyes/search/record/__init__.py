"""What a search said, kept, so that a run can be repeated without the network."""
