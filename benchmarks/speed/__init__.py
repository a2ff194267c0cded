"""`python -m liverseg bench`: how fast liverseg is beside its peers, on the same work, in the same process.

`rows` and `timing` are the pure core, `machine` says where it was measured, `sections` names what can be
measured, `running` does it, `tables` shows it, `store` keeps it for BENCHMARKS.md and `guard` compares it
with what was reached before. Ratios are what counts: times on a shared machine are not worth quoting.

Nothing here is imported by the app. What may not be installed (transformers, onnxruntime, `train`) is asked
for with `peers.need`, and a row that lacks it says so.
"""
