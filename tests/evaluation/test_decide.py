"""The likeliest class of each head."""

import numpy as np

from graphemes.evaluation.decide import likeliest
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
