"""Robustness tests with hostile files and heavy load: `python -m fuzzing` and `python -m fuzzing.load`.

`fuzzing` makes damaged and malformed files of every format that liverseg reads and has them read, segmented
and measured. `fuzzing.load` sends many requests at once to a served page. Both take a seed or a duration,
report what they found, and exit with 1 where something is wrong. Short runs are part of the tests.
"""
