"""Online search: one thin adapter per provider, one caller for all of them, one registry.

`resolve("serper?k=5&freshness=week")` in `registry.py` gives an opened search. What a provider is asked and
how its answer is read is in its own file; time-outs, retries, rates, the spending cap and the hiding of
keys are in `calling.py`, once.
"""
