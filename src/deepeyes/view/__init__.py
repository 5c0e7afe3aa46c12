"""Looking: traces as pages for people. Reads a run folder, writes one HTML file that needs nothing else."""
