"""Mathematical expressions: reading them in any notation, and comparing them."""
