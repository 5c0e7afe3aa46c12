"""What stands between the web and a model."""
