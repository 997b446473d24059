"""Calibration: bins by the probability of the likeliest class, and their mean gap."""

import numpy as np
import pytest

from graphemes.evaluation.calibration import BINS, calibration


def sure(values: list[float], right: list[bool]) -> tuple[np.ndarray, np.ndarray]:
    """Truth and probabilities of two classes, class 0 always the likeliest."""
    first = np.array(values, np.float32)
    return np.where(right, 0, 1), np.stack([first, 1 - first], axis=1)


def test_the_error_is_the_mean_gap_weighed_by_images():
    truth, found = sure([0.75] * 4 + [0.95], [True, True, True, False, False])
    one = calibration(truth, found)
    assert one.images.tolist() == [4, 1]
    assert one.confidence == pytest.approx([0.75, 0.95])
    assert one.accuracy == pytest.approx([0.75, 0.0])
    assert one.error == pytest.approx((0 * 4 + 0.95) / 5)


def test_a_probability_of_one_is_in_the_last_bin_and_no_bin_is_lost():
    values = np.linspace(0.5, 1, 101).tolist()
    one = calibration(*sure(values, [True] * 101))
    assert one.images.sum() == 101
    assert len(one.images) == BINS // 2 + 1  # 0.5 ends the bin below
    assert one.confidence[-1] <= 1


def test_a_network_that_says_what_it_knows_has_a_small_error():
    random = np.random.default_rng(0)
    values = random.uniform(0.5, 1, 50_000)
    truth, found = sure(values.tolist(), (random.uniform(size=50_000) < values).tolist())
    assert calibration(truth, found).error < 0.01
    assert calibration(1 - truth, found).error > 0.3
