"""The heart: model, dialect, tool, observation, and again, until the answer; everything ends as a Trace."""
