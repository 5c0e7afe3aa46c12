"""Traces of teachers, the checks that they fail, and which of them are good enough to learn from."""
