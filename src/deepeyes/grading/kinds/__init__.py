"""One file for each kind of answer: how it is read from a bare answer, and when two of them are the same."""
