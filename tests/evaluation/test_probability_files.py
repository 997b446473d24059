"""Probabilities are written by image, with the digests of what they were made from."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from graphemes.evaluation.probability_files import read_digests, write_probabilities
from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import HEADS
from graphemes.foundation.seeds import stream

IDS = ["Test_0", "Test_1", "NA"]


def test_probabilities_are_written_by_image_with_digests(tmp_path):
    path = tmp_path / "probabilities.parquet"
    probabilities = HEADS.map(
        lambda head: stream(0).dirichlet(np.ones(head.classes), 3).astype(np.float32)
    )
    digests = {"folds": "f", "weights": "w"}
    write_probabilities(path, IDS, probabilities, digests)
    assert read_digests(path) == digests
    table = pq.read_table(path)
    assert table.schema.names == ["image_id", *(head.probability_column for head in HEADS)]
    assert table["image_id"].to_pylist() == IDS
    for head, values in zip(HEADS, probabilities, strict=True):
        written = np.array(table[head.probability_column].to_pylist(), dtype=np.float32)
        np.testing.assert_array_equal(written, values)


def test_a_file_of_no_probabilities_has_no_digests(tmp_path):
    with pytest.raises(DataError, match="not found"):
        read_digests(tmp_path / "probabilities.parquet")
