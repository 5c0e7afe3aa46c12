"""Published rules under their names: what a benchmark itself would say of an answer, faults included."""
