"""The commands of `python -m registry`, a module each."""
