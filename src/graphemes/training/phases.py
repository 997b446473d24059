"""Which part of a training an epoch is in: sizes of pictures, cycles of the schedule, snapshots."""

from graphemes.foundation.settings.groups import Learning
from graphemes.foundation.settings.types import ImageSize


def training_size(settings: Learning, epoch: int) -> ImageSize:
    """The size of the pictures of epoch 0, 1, ...: each of image_sizes has an equal part of them.

    Equal but for one epoch, where they can't be parted evenly. After the last epoch the last size.
    """
    sizes = settings.image_sizes or (settings.image_size,)
    return sizes[min(epoch, settings.epochs - 1) * len(sizes) // settings.epochs]


def cycle_ends(settings: Learning) -> tuple[int, ...]:
    """After how many epochs each of the schedule's cycles ends; the last: after all."""
    cycles = range(1, settings.cycles + 1)
    return tuple(cycle * settings.epochs // settings.cycles for cycle in cycles)


def snapshot_epochs(settings: Learning) -> tuple[int, ...]:
    """After which epochs, counted from 1, weights are taken for their mean (swa)."""
    if not settings.swa:
        return ()
    ends = cycle_ends(settings) if settings.cycles > 1 else range(1, settings.epochs + 1)
    return tuple(ends)[-settings.swa :]
