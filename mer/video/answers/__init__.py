"""Answer for two frames of a face: networks, probabilities, agreement, evidence."""
