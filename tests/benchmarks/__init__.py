"""Benchmarks: ``python -m tests.benchmarks`` measures, compares and writes docs/benchmarks.md."""
