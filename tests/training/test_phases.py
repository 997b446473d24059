"""Epochs are parted evenly into sizes of pictures and cycles, and the last ones are averaged."""

import pytest

from graphemes.foundation.settings.groups import Learning
from graphemes.foundation.settings.types import ImageSize
from graphemes.training.phases import cycle_ends, snapshot_epochs, training_size


def heights(epochs: int, **values: object) -> list[int]:
    settings = Learning(epochs=epochs, **values)
    return [training_size(settings, epoch).height for epoch in range(epochs)]


@pytest.mark.parametrize("epochs", range(3, 12))
def test_each_size_has_an_equal_part_of_the_epochs(epochs):
    found = heights(epochs, image_sizes="32,48,64")
    assert found == sorted(found)
    counts = [found.count(side) for side in (32, 48, 64)]
    assert max(counts) - min(counts) <= 1
    assert min(counts) >= 1


def test_without_sizes_pictures_are_of_the_one_size():
    assert heights(3, image_size="48x64") == [48, 48, 48]
    settings = Learning(epochs=2, image_sizes="32,48x64")
    assert training_size(settings, 5) == ImageSize(48, 64)


def test_cycles_end_with_whole_epochs_and_the_last_with_the_training():
    assert cycle_ends(Learning(epochs=12, cycles=3)) == (4, 8, 12)
    assert cycle_ends(Learning(epochs=7, cycles=3)) == (2, 4, 7)
    assert cycle_ends(Learning(epochs=7)) == (7,)


def test_snapshots_are_the_last_epochs_or_cycles():
    assert snapshot_epochs(Learning(epochs=7)) == ()
    assert snapshot_epochs(Learning(epochs=7, swa=3)) == (5, 6, 7)
    assert snapshot_epochs(Learning(epochs=7, swa=2, cycles=3)) == (4, 7)
    assert snapshot_epochs(Learning(epochs=3, swa=3)) == (1, 2, 3)
