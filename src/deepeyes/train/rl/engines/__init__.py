"""What plays episodes with the learner's weights, behind one interface (`base`)."""
