"""Three heads, in one place: classes, columns, and the 2 : 1 : 1 mean."""

import numpy as np
import pytest
import torch

from graphemes.foundation.heads import (
    CLASSES,
    COLUMNS,
    HEADS,
    HEIGHT,
    PIXELS,
    WIDTH,
    PerHead,
    weighted_mean,
)


def test_the_heads_are_those_of_the_competition():
    assert [head.classes for head in HEADS] == [168, 11, 7]
    assert CLASSES == 186
    assert COLUMNS == ["grapheme_root", "vowel_diacritic", "consonant_diacritic"]
    assert [head.name for head in HEADS] == list(PerHead._fields)
    assert (HEIGHT, WIDTH, PIXELS) == (137, 236, 32332)
    assert HEADS.vowel.probability_column == "probability_vowel_diacritic"


def test_the_mean_weighs_the_root_twice():
    assert weighted_mean(PerHead(1.0, 0.0, 0.0)) == 0.5
    assert weighted_mean(PerHead(0.0, 1.0, 0.0)) == 0.25
    assert weighted_mean(PerHead(0.0, 0.0, 1.0)) == 0.25
    values = PerHead(0.3, 0.7, 0.9)
    wanted = np.average(values, weights=[2, 1, 1])
    assert weighted_mean(values) == pytest.approx(wanted, abs=1e-15)


def test_the_mean_takes_arrays_and_tensors():
    arrays = PerHead(np.array([1.0, 0]), np.array([0, 1.0]), np.array([1.0, 1]))
    np.testing.assert_array_equal(weighted_mean(arrays), [0.75, 0.5])
    tensors = arrays.map(torch.from_numpy)
    assert weighted_mean(tensors).tolist() == [0.75, 0.5]


def test_map_keeps_each_head_in_its_place():
    doubled = PerHead(1, 2, 3).map(lambda value: value * 2)
    assert doubled == PerHead(root=2, vowel=4, consonant=6)
    assert isinstance(doubled, PerHead)
