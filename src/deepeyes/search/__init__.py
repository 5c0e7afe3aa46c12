"""Search: text and image indexes, online providers, record and replay, the guard."""
