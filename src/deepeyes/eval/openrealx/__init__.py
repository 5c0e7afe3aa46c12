"""OpenRealX: 300 questions over the open world and photographs that anyone can have at once.

The files are frozen and come with the package; what made them is `realxmaker` in a checkout, what
they hold is told by `docs/openrealx.md`.
"""
