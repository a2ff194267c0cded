"""The commands of `python -m train`, one module each: `add_parser` and `run`.

A command refuses by raising an error; `train.__main__` prints it as one line and exits with status 1.
"""
