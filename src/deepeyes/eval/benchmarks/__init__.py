"""Published benchmarks, each declared in one file: where its rows come from, and what a row asks."""
