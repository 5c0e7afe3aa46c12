"""A curation run on disk: its folder, what may go on in it, and who asks models many times at once."""
