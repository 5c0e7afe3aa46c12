"""What is kept: no duplicates, nothing of a benchmark, in the wanted mixture, some held out."""
