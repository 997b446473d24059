"""The batch that there is room for is found by trying, after one for which there was none."""

import dataclasses

import pytest
import torch

from graphemes.foundation.settings.groups import Learning
from graphemes.foundation.settings.types import ImageSize
from graphemes.network.devices import Engine
from graphemes.network.model import build_network
from graphemes.training.batch_room import fitting_batch
from graphemes.training.epoch import Learner, make_learner

SIZE = ImageSize(32, 24)
SMALL = Learning(trunk="resnet18", widths="8,16,32,64", grapheme_head=True, optimiser="adamw")


def learner_of(room: int, error: Exception) -> tuple[Learner, list[int]]:
    """A learner whose loss raises for more than so many images, and the batches that it met."""
    network = build_network(SMALL, SIZE, 0)
    ours = make_learner(network, SMALL, Engine(torch.device("cpu"), "fp32"), steps=3)
    met = []

    def loss(output, labels, done):
        met.append(len(labels.root))
        assert {len(head) for head in labels} == set(met[-1:])
        if met[-1] > room:
            raise error
        return ours.loss(output, labels, done)

    return dataclasses.replace(ours, loss=loss), met


FULL = RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")


@pytest.mark.parametrize(
    ("room", "fits", "tried"), [(5, 4, [16, 8, 4]), (16, 16, [16]), (1, None, [16, 8, 4, 2])]
)
def test_halves_are_tried_until_a_whole_step_has_room(room, fits, tried):
    ours, met = learner_of(room, FULL)
    before = [p.detach().clone() for p in ours.network.parameters()]
    assert fitting_batch(ours, SIZE, 33) == fits
    assert met == tried
    moved = any(
        not torch.equal(p, one) for p, one in zip(ours.network.parameters(), before, strict=True)
    )
    assert moved == bool(ours.optimiser.state) == (fits is not None)  # moments take room too


def test_what_is_no_shortage_is_raised():
    ours, _ = learner_of(2, RuntimeError("device-side assert triggered"))
    with pytest.raises(RuntimeError, match="device-side assert"):
        fitting_batch(ours, SIZE, 33)
