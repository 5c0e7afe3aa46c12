"""The losses of reinforcement learning, one pure function a file, all of one signature (see `common`)."""
