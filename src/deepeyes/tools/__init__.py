"""Tools: what a model can call. Thin, over the sandbox and the search engines."""
