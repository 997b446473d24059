"""Reads handwritten Bengali graphemes: shards in, weights, an offline score and a submission out."""
