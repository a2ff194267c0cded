"""Benchmarks whose results the README quotes. Each module is a command, `python -m benchmarks.NAME`."""
