"""Randomness has an address: (seed, fold, epoch, index), never who drew before."""

import numpy as np


def stream(seed: int, *place: int) -> np.random.Generator:
    """The stream for one place in a run, e.g. stream(seed, fold, epoch, index)."""
    # Not default_rng([seed, *place]): numpy pads with zeros, so [7] and [7, 0] would be one stream.
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=place))


def seed_at(seed: int, *place: int) -> int:
    """One 63-bit integer for a place, for libraries that take an integer."""
    return int(stream(seed, *place).integers(2**63))
