"""Which graphemes are drawn, and how often."""

from collections import Counter

import numpy as np
import pytest

from graphemes.foundation.classes import competition_graphemes
from graphemes.foundation.heads import CLASSES, HEADS
from graphemes.foundation.seeds import stream
from graphemes.synthesis.selection import sample_by_share, sample_every_class, shares

SOME = competition_graphemes()[::100]  # 13 graphemes


def counts(chosen, head: str) -> np.ndarray:
    labels = [getattr(one.labels, head) for one in chosen]
    return np.bincount(labels, minlength=getattr(HEADS, head).classes)


@pytest.mark.parametrize("images", [CLASSES, 200, 700, 3000])
def test_every_class_is_there_and_often_enough(images):
    for seed in range(3):
        chosen = sample_every_class(competition_graphemes(), images, stream(seed))
        assert len(chosen) == images
        assert counts(chosen, "root").min() >= max(1, images // 168 // 2)
        for head in ("vowel", "consonant"):
            assert counts(chosen, head).min() >= max(1, min(10, images // 300))


def test_few_images_are_of_different_roots():
    assert counts(sample_every_class(competition_graphemes(), 36, stream(0)), "root").max() == 1


def test_graphemes_are_sampled_evenly():
    chosen = sample_by_share(SOME, 100, stream(0), balance=0.0)
    assert set(Counter(one.text for one in chosen).values()) == {7, 8}
    assert chosen[:13] != list(SOME)
    assert sample_by_share(SOME, 100, stream(0), balance=0.0) == chosen


def test_rare_classes_come_oftener_than_their_graphemes_and_none_is_left_out():
    seen = competition_graphemes()
    counts = Counter(
        one.labels.consonant for one in sample_by_share(seen, 5000, stream(0), balance=0.8)
    )
    plain = Counter(one.labels.consonant for one in sample_by_share(seen, 5000, stream(0)))
    assert counts[3] > 3 * plain[3]
    assert counts[0] < plain[0]
    even, rare = shares(seen, 0.0), shares(seen, 0.8)
    assert np.ptp(even) == 0
    assert rare.sum() == pytest.approx(1)
    assert rare.max() / np.median(rare) <= 20
    assert rare.min() > 0.05 / len(seen)


def test_shares_come_out_whatever_the_count():
    for count in (1, 13, 26, 1000):
        times = Counter(one.text for one in sample_by_share(SOME, count, stream(1), balance=0.5))
        assert sum(times.values()) == count
        wanted = shares(SOME, 0.5) * count
        assert all(abs(times[one.text] - n) < 1 for one, n in zip(SOME, wanted, strict=True))
