"""Shares of runs: those of least log loss, judged on images that they weren't fitted on."""

import dataclasses

import numpy as np
import pytest
from scipy.optimize import minimize

from graphemes.evaluation.ensemble import PARTS, aligned, fitted_shares, mixed, nested_mixture
from graphemes.evaluation.oof import OofTable
from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import HEADS, PerHead, Probabilities

N = 60
RANDOM = np.random.default_rng(0)
TRUTH = HEADS.map(lambda head: RANDOM.integers(0, head.classes, N))


def read(seed: int, sure: float) -> Probabilities:
    """A run's probabilities; the surer, the more of them lie on the truth."""
    random = np.random.default_rng(seed)
    found = []
    for head, truth in zip(HEADS, TRUTH, strict=True):
        logits = random.normal(size=(N, head.classes))
        logits[np.arange(N), truth] += sure * random.random(N)
        values = np.exp(logits)
        found.append((values / values.sum(1, keepdims=True)).astype(np.float32))
    return PerHead(*found)


RUNS = [read(0, 6), read(1, 5), read(2, 1)]


def table(probabilities: Probabilities, **changes: object) -> OofTable:
    ids = [f"Train_{row}" for row in range(N)]
    digests = {"data": "d", "folds": "f"}
    whole = OofTable(ids, np.arange(N) % 3, TRUTH, probabilities, digests)
    return dataclasses.replace(whole, **changes)


def loss(shares: np.ndarray, runs: list[Probabilities], rows: slice | np.ndarray) -> float:
    """The log loss of a mixture, by the plain formula."""
    found = 0.0
    for place, head in enumerate(HEADS):
        whole = sum(
            share * run[place].astype(float) for share, run in zip(shares, runs, strict=True)
        )
        true = whole[np.arange(N), TRUTH[place]][rows]
        found -= head.weight / 4 * np.log(true).mean()
    return found


def test_mixtures_are_sums_by_share():
    got = mixed(RUNS, [0.5, 0.3, 0.2])
    for place, head in enumerate(got):
        wanted = 0.5 * RUNS[0][place] + 0.3 * RUNS[1][place] + 0.2 * RUNS[2][place]
        assert head.dtype == np.float32
        np.testing.assert_allclose(head, wanted, rtol=1e-5)


def test_shares_are_those_that_scipy_finds():
    shares = fitted_shares(RUNS, TRUTH)
    assert shares.sum() == pytest.approx(1, abs=1e-9)
    judge = minimize(
        loss,
        np.full(3, 1 / 3),
        (RUNS, slice(None)),
        bounds=[(0, 1)] * 3,
        constraints={"type": "eq", "fun": lambda s: s.sum() - 1},
    )
    np.testing.assert_allclose(shares, judge.x, atol=5e-3)
    assert loss(shares, RUNS, slice(None)) <= judge.fun + 1e-5


def test_a_run_that_only_guesses_gets_nothing_and_twins_share():
    even = HEADS.map(lambda head: np.full((N, head.classes), 1 / head.classes, np.float32))
    assert fitted_shares([RUNS[0], even], TRUTH)[1] < 0.05
    np.testing.assert_allclose(fitted_shares([RUNS[0], RUNS[0]], TRUTH), [0.5, 0.5], atol=1e-3)


def test_a_probability_of_zero_for_the_truth_is_no_end():
    sure = RUNS[0].map(lambda head: head.copy())
    sure.root[0] = 0
    sure.root[0, (TRUTH.root[0] + 1) % 168] = 1
    assert np.isfinite(fitted_shares([sure, RUNS[1]], TRUTH)).all()


def test_nested_shares_never_see_the_images_that_they_judge():
    got = nested_mixture(RUNS[:2], TRUTH)
    held_out = np.arange(N) % PARTS == 2
    # Whatever the truth of a part is, its own mixture stays; that of others doesn't.
    other = TRUTH.map(lambda column: np.where(held_out, 0, column))
    changed = nested_mixture(RUNS[:2], other)
    for one, two in zip(got, changed, strict=True):
        np.testing.assert_array_equal(one[held_out], two[held_out])
    assert not np.array_equal(got.root[~held_out], changed.root[~held_out])
    few = [run.map(lambda head: head[:1]) for run in RUNS]
    alone = nested_mixture(few, TRUTH.map(lambda column: column[:1]))  # nothing to fit on
    np.testing.assert_allclose(alone.root, mixed(few, [1 / 3] * 3).root, atol=1e-3)


def test_tables_are_put_side_by_side_by_their_ids():
    order = np.random.default_rng(0).permutation(N)
    mixed_up = table(
        RUNS[1].map(lambda head: head[order]),
        image_ids=[f"Train_{row}" for row in order],
        folds=order % 3,
        truth=TRUTH.map(lambda column: column[order]),
    )
    first, second = aligned(["a", "b"], [table(RUNS[0]), mixed_up])
    assert first.image_ids == second.image_ids == sorted(first.image_ids)
    _, wanted = aligned(["a", "b"], [table(RUNS[0]), table(RUNS[1])])
    np.testing.assert_array_equal(second.probabilities.root, wanted.probabilities.root)


BAD = {
    "other folds": ({"folds": np.arange(N) % 2}, "what one has validated, the other has trained"),
    "another folds.csv": (
        {"digests": {"data": "d", "folds": "x"}},
        "trained with another folds.csv: what one has validated, the other has trained on",
    ),
    "other data": ({"digests": {"data": "x", "folds": "f"}}, "trained with another data"),
    "other images": (
        {"image_ids": [f"Test_{row}" for row in range(N)]},
        "120 images are in the tables of one alone",
    ),
    "other labels": ({"truth": TRUTH.map(lambda column: column * 0)}, "have other labels"),
}


@pytest.mark.parametrize("case", BAD)
def test_tables_that_do_not_belong_together_are_refused(case):
    changes, said = BAD[case]
    with pytest.raises(DataError, match=said) as caught:
        aligned(["a", "b"], [table(RUNS[0]), table(RUNS[1], **changes)])
    assert str(caught.value).startswith("runs=a,b: ")
    assert "\n" not in str(caught.value)
