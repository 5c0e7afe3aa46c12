"""One file a kind of thing: each turns pinned packages into entities with their pictures.

What always holds: a maker is a pure function of the packages it names; it yields in a fixed order.
"""
