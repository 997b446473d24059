"""Probabilities to labels, by each of the rules."""

import numpy as np
import pytest

from graphemes.evaluation.decide import SHAPE, Argmax, Joint, Prior, Tuned, decided, likeliest
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.foundation.seeds import stream


def test_each_head_takes_its_own_likeliest_class():
    labels = PerHead(np.array([167, 0, 13]), np.array([0, 10, 4]), np.array([6, 1, 0]))
    tables = PerHead(
        *(
            np.eye(head.classes, dtype=np.float32)[column]
            for head, column in zip(HEADS, labels, strict=True)
        )
    )
    decided = likeliest(tables)
    assert isinstance(decided, PerHead)
    for got, wanted in zip(decided, labels, strict=True):
        assert got.dtype == np.int64
        assert got.tolist() == wanted.tolist()


def test_no_other_class_is_likelier():
    tables = HEADS.map(lambda head: stream(head.classes).random((50, head.classes)))
    for table, guess in zip(tables, likeliest(tables), strict=True):
        assert (table[np.arange(50), guess] == table.max(axis=1)).all()


def test_of_equals_the_first_and_of_none_none():
    flat = HEADS.map(lambda head: np.full((2, head.classes), 1 / head.classes, np.float32))
    assert likeliest(flat).map(np.ndarray.tolist) == PerHead([0, 0], [0, 0], [0, 0])
    empty = HEADS.map(lambda head: np.empty((0, head.classes), np.float32))
    assert [guess.shape for guess in likeliest(empty)] == [(0,), (0,), (0,)]


@pytest.fixture
def found() -> PerHead:
    """Probabilities of 200 images, some classes of them far likelier than others."""
    random = stream(5)
    return HEADS.map(
        lambda head: random.dirichlet(np.geomspace(0.02, 2, head.classes), 200).astype(np.float32)
    )


@pytest.fixture
def counts() -> np.ndarray:
    """Images of each grapheme: of most none, as in train.csv."""
    random = stream(6)
    return random.integers(1, 200, SHAPE) * (random.random(SHAPE) < 0.1)


def test_prior_divides_by_the_frequency_to_a_power(found, counts):
    powers = PerHead(0.8, 1.0, 0.0)
    got = decided(Prior(powers, counts), found)
    axes = ((1, 2), (0, 2), (0, 1))
    for head, own, power, labels in zip(found, axes, powers, got, strict=True):
        frequency = np.maximum(counts.sum(own), 1) / counts.sum()
        assert labels.tolist() == (head / frequency**power).argmax(1).tolist()
    assert got.consonant.tolist() == found.consonant.argmax(1).tolist()


def test_tuned_multiplies_by_weights(found):
    weights = HEADS.map(lambda head: np.linspace(0.1, 3, head.classes, dtype=np.float32))
    got = decided(Tuned(weights), found)
    for head, own, labels in zip(found, weights, got, strict=True):
        assert labels.tolist() == (head * own).argmax(1).tolist()


def enumerated(found: PerHead, counts: np.ndarray, rule: Joint) -> list[list[int]]:
    """The labels of each image, by all 12,936 graphemes one by one."""
    answers = []
    known = counts > 0
    for row in range(len(found.root)):
        product = np.einsum("r,v,c->rvc", *(head[row].astype(np.float64) for head in found))
        answer = []
        for axis, (power, own, unseen) in enumerate(
            zip(rule.powers, rule.grapheme_powers, rule.unseen, strict=True)
        ):
            others = tuple({0, 1, 2} - {axis})
            prior = np.where(known, (counts / counts[known].mean()) ** own, unseen)
            frequency = np.maximum(counts.sum(others), 1) / counts.sum()
            answer.append(int(((product * prior).sum(others) / frequency**power).argmax()))
        answers.append(answer)
    return answers


def test_joint_agrees_with_all_graphemes_one_by_one(found, counts):
    rule = Joint(PerHead(1.0, 0.5, 0.0), PerHead(0.5, 1.0, 0.0), PerHead(0.1, 0.3, 0.03), counts)
    got = decided(rule, found)
    assert np.stack(got, axis=1).tolist() == enumerated(found, counts, rule)


def test_a_grapheme_that_training_lacks_can_win():
    counts = np.zeros(SHAPE, np.int64)
    counts[3, 4, 5] = counts[6, 7, 1] = 100
    one = PerHead(0.0, 0.0, 0.0)
    rule = Joint(one, one, PerHead(0.1, 0.1, 0.1), counts)

    def read(sure: float) -> list[list[int]]:
        """What is read of root 3, vowel 7, consonant 5: of the one grapheme or the other."""
        of = HEADS.map(lambda head: np.full((1, head.classes), 1e-6, np.float32))
        of.root[0, [3, 6]] = sure, 1 - sure
        of.vowel[0, [7, 4]] = sure, 1 - sure
        of.consonant[0, [5, 1]] = sure, 1 - sure
        return [labels.tolist() for labels in decided(rule, of)]

    assert read(0.99) == [[3], [7], [5]]
    assert read(0.6) == [[3], [4], [5]]  # the likelier of the two that there are


def test_without_a_prior_joint_is_prior_and_without_powers_all_are_argmax(found, counts):
    powers, none = PerHead(0.7, 1.1, 0.9), PerHead(0.0, 0.0, 0.0)
    joint = Joint(powers, none, PerHead(1.0, 1.0, 1.0), counts)
    for got, wanted in zip(
        decided(joint, found), decided(Prior(powers, counts), found), strict=True
    ):
        assert got.tolist() == wanted.tolist()
    for rule in (Argmax(), Prior(none, counts)):
        for got, wanted in zip(decided(rule, found), likeliest(found), strict=True):
            assert got.tolist() == wanted.tolist()
