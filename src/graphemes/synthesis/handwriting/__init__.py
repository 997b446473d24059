"""A writer's hand: how the strokes of a string are moved, bent and formed at random."""
