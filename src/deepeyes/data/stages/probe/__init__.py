"""What the counts of right answers decide: how hard a question is, and whether tools help."""
