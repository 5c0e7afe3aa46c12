"""Traces of teachers, the faults found in them, and which of them are good enough to learn from."""
