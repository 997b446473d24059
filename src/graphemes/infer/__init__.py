"""From weights to probabilities to decisions."""
