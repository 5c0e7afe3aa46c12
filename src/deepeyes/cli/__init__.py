"""The command line: one file per verb, each a thin door to a room. `deepeyes --help` lists them."""
