"""Training: the embedded model from nothing (`nano`), and cold start of any model (`sft`)."""
