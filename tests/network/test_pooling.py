"""Each pooling is its formula."""

import pytest
import torch
from judges import pictures
from torch import nn

from graphemes.network.pooling import GlobalPool

MAPS = pictures(3, 5, 4, 7) * 2 - 0.5


@pytest.mark.parametrize(
    ("pool", "wanted"),
    [
        ("avg", nn.AdaptiveAvgPool2d(1)(MAPS).flatten(1)),
        ("max", MAPS.flatten(2).amax(2)),
        ("avgmax", (MAPS.flatten(2).mean(2) + MAPS.flatten(2).amax(2)) / 2),
        ("gem", MAPS.clamp(min=1e-6).pow(3).flatten(2).mean(2).pow(1 / 3)),
    ],
)
def test_it_is_its_formula(pool, wanted):
    torch.testing.assert_close(GlobalPool(pool)(MAPS), wanted)


def test_gem_goes_from_mean_to_maximum_and_learns_where():
    pool = GlobalPool("gem")
    positive = MAPS.abs() + 0.01
    with torch.no_grad():
        pool.power.fill_(1.0)
        torch.testing.assert_close(pool(positive), positive.mean((2, 3)))
        pool.power.fill_(60.0)
        assert ((pool(positive) / positive.amax((2, 3))) > 0.9).all()
        pool.power.fill_(3.0)
    pool(MAPS).sum().backward()
    assert torch.isfinite(pool.power.grad)
    assert pool.power.grad > 0


def test_gem_of_no_ink_has_a_gradient():
    maps = torch.zeros(2, 3, 4, 4, requires_grad=True)
    GlobalPool("gem")(maps).sum().backward()
    assert torch.isfinite(maps.grad).all()


def test_gem_in_half_precision_is_computed_in_float32():
    maps = (MAPS.abs() * 300).to(torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        got = GlobalPool("gem")(maps)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, GlobalPool("gem")(maps.float()))
