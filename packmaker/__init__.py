"""Makes the packs that `deepeyes.world.pack` reads: real things, from packages pinned to the byte.

Why it is not in the package: it needs registries, 500 MB of raw sources and a drawing library, to make what
lies in the repository already. Run it from a checkout, `python -m packmaker`; what it needs beside the
package is in `requirements.txt`. What always holds: the package never imports it.
"""
