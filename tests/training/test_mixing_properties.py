"""Whatever is drawn, the shares of both labels are 1 and pixels come from the two images."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphemes.foundation.heads import HEADS
from graphemes.training.mixing import KINDS, cut_boxes, own_shares
from properties import FEW


@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(
    st.tuples(st.integers(1, 6), st.integers(4, 40), st.integers(4, 40)),
    st.floats(0.01, 10),
    st.integers(0, 2**31),
)
def test_labels_sum_to_one_and_pixels_are_of_both(kind, shape, alpha, seed):
    images, height, width = shape
    random = torch.Generator().manual_seed(seed)
    ink = torch.rand(images, 1, height, width, generator=random)
    labels = HEADS.map(lambda head: torch.randint(head.classes, (images,), generator=random))
    mixed, soft = KINDS[kind](ink, labels, np.random.default_rng(seed), alpha)
    assert ((soft.share >= 0) & (soft.share <= 1)).all()
    pairs = torch.from_numpy(np.random.default_rng(seed).permutation(images))
    for own, partner, given_ in zip(soft.own, soft.partner, labels, strict=True):
        assert torch.equal(own, given_)
        assert torch.equal(partner, given_[pairs])
    other = ink[pairs]
    if kind in ("cutmix", "fmix"):
        own = mixed == ink
        assert (own | (mixed == other)).all()
        same = (ink == other).flatten(1).all(1)
        left = own.flatten(1).float().mean(1)
        torch.testing.assert_close(left[~same], soft.share[~same])
    else:
        low, high = torch.minimum(ink, other), torch.maximum(ink, other)
        if kind == "resizemix":  # a pixel is a mean of the partner's
            low = torch.minimum(ink, other.amin((1, 2, 3), keepdim=True))
            high = torch.maximum(ink, other.amax((1, 2, 3), keepdim=True))
        assert (mixed >= low - 1e-5).all()
        assert (mixed <= high + 1e-5).all()


@FEW
@given(st.floats(0, 1), st.integers(1, 300), st.integers(1, 300), st.data())
def test_a_rectangle_leaves_at_least_the_share_asked_for(share, height, width, data):
    centre = [[data.draw(st.integers(0, side - 1))] for side in (height, width)]
    boxes = cut_boxes(np.array([share]), np.array(centre), height, width)
    assert share - 1e-9 <= own_shares(boxes, height, width)[0] <= 1
