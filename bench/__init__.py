"""Benchmarks: Prisme against a bare callable on the same server, in the same minutes, under the same load."""
