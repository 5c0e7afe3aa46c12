"""The only rooms that know tags and chat syntax: text in, Action out; observation in, messages out."""
