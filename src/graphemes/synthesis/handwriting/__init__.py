"""The hand: how a writer moves, bends and forms the strokes of a string, this time."""
