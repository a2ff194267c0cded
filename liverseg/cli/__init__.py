"""The commands of `python -m liverseg`, a module each: `add_parser` and `run`."""
