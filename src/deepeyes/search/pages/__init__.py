"""Pages of the web, read as plain text and never from a private address."""
