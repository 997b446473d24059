"""Reads handwritten Bengali graphemes: shards to weights, an offline score, a submission."""
