"""Grading: is the answer right? Used by data, training and evaluation alike."""
