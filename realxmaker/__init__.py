"""Makes OpenRealX, and shows it to people: `python -m realxmaker`.

`make` draws all images and questions anew from the open world, pinned photographs and one seed; `filter` asks
a model that cannot look, `sheets` and `page` are for people who check. What always holds: nothing here is
needed to run the benchmark, whose frozen files come with the package (`deepeyes.eval.openrealx`).
"""
