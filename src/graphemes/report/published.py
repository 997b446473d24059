"""Published scores of this competition, to hold a run's beside.

Own validation, of whoever trained it, as ours is; and the leaderboard's lines, which count images
of graphemes that train.csv lacks, so that they lie lower. From write-ups of the competition's
entries.
"""

from typing import NamedTuple


class Published(NamedTuple):
    """A score that somebody reached."""

    what: str
    score: float


VALIDATED = (
    Published("EfficientNet-B3, 236", 0.9886),
    Published("SE-ResNeXt50, 128, CutOut", 0.9837),
    Published("SE-ResNeXt50, 128, MixUp", 0.9742),
    Published("ResNet-34, 128, 10 epochs", 0.9696),
)
PRIVATE = (
    Published("winner", 0.9762),
    Published("gold", 0.9491),
    Published("silver", 0.9348),
    Published("bronze", 0.9306),
)
