"""Hostile input and load, by commands with a seed: `python -m fuzzing` and `python -m fuzzing.load`.

The first makes damaged and lying files of every format that liverseg reads and puts them through reading,
segmenting and measuring; the second asks a served page with many clients at once. Both say what they found
and exit 1 where it is not as it must be. A short run of each is among the tests.
"""
