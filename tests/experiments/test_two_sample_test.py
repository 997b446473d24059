"""A small network tells two sets of pictures apart if they differ, and only then."""

import torch

from graphemes.experiments.two_sample_test import classifier_auc


def pictures(count: int, seed: int, side: int) -> torch.Tensor:
    """Noise with a bar: across (0) or down (1)."""
    out = torch.rand((count, 1, 32, 32), generator=torch.Generator().manual_seed(seed)) * 0.5
    if side:
        out[:, :, :, 12:16] += 0.5
    else:
        out[:, :, 12:16] += 0.5
    return out


def test_sets_that_differ_are_told_apart():
    assert classifier_auc(pictures(200, 0, 0), pictures(200, 1, 1)) > 0.99


def test_sets_of_one_kind_are_not():
    assert 0.35 < classifier_auc(pictures(300, 0, 0), pictures(300, 1, 0)) < 0.65


def test_the_same_seed_tells_the_same_and_leaves_the_callers_randomness_alone():
    torch.manual_seed(1)
    first = classifier_auc(pictures(100, 0, 0), pictures(100, 1, 0), seed=3)
    after = torch.rand(1)
    torch.manual_seed(1)
    assert torch.rand(1) == after
    assert classifier_auc(pictures(100, 0, 0), pictures(100, 1, 0), seed=3) == first
