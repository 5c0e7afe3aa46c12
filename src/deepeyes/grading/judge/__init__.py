"""A model that decides what rules leave open: its question, its vote, and the memory of what it said."""
