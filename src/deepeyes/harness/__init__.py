"""From names to an open agent: a model with its dialect, its tools, its sandbox and its searches."""
