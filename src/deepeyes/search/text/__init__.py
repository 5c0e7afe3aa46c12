"""The text index: documents in, ranked hits with a snippet out."""
