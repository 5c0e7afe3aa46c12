"""The embedded model from nothing: its lessons, its traces, its training loop and the recipe of them all."""
