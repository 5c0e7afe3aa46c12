"""Curation: where training traces come from. Every trace is an episode that really ran, with its tools."""
