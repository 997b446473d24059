"""From weights to probabilities."""
