"""Measuring: benchmarks, statistics and what models do with their tools. Reads traces, writes numbers."""
