"""What leaves curation: the same traces and prompts in the forms that trainers read."""
