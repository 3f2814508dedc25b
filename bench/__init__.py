"""Benchmarks: each prints what was measured and its ratio against a floor or a peer of the same run.

Nothing here asserts.
"""
