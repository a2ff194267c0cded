"""One module for each command of `python -m liverseg`, with `add_parser` and `run`."""
