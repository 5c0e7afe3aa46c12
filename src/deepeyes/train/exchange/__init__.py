"""A `Record` in the words of other trainers: pure functions, one module each, that need none of them."""
