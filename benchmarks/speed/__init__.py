"""`python -m liverseg bench`: the speed of liverseg and of its peers on the same work, in the same process.

`rows` and `timing` hold results and measure them, `machine` describes the machine, `sections` lists the parts
of the benchmark, `running` runs them, `tables` formats the results, `store` keeps them for BENCHMARKS.md and
`guard` compares them with a baseline. Quote ratios: times on a shared machine vary too much.

Optional packages (transformers, onnxruntime, `train`) are imported with `peers.need`. A row whose package is
missing says so.
"""
