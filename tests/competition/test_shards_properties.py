"""Whatever the layout of a shard, what is written is what is read."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import worlds
from graphemes.competition import shards
from graphemes.competition.shards import decode, open_shard
from properties import MANY

COLUMNS = 12  # of 32,332: as a whole shard takes a second
TEXTS = [pa.string(), pa.large_string(), pa.string_view(), "codes"]

WRITER = pa.struct({"age": pa.int64(), "of": pa.list_(pa.string())})


@st.composite
def layouts(draw) -> tuple[list[str], np.ndarray, pa.Table]:
    rows = draw(st.integers(0, 12))
    allowed = st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="/\\")
    text = st.text(allowed, min_size=1, max_size=9)
    ids = draw(st.lists(text, min_size=rows, max_size=rows, unique=True))
    pixels = np.random.default_rng(draw(st.integers(0, 9))).integers(
        0, 256, (rows, COLUMNS), np.uint8
    )
    kind = draw(st.sampled_from(TEXTS))
    texts = pa.array(ids, pa.string())
    columns = {"image_id": texts.dictionary_encode() if kind == "codes" else texts.cast(kind)}
    columns |= {str(k): pa.array(pixels[:, k]) for k in range(COLUMNS)}
    if draw(st.booleans()):  # a bitmap of nulls in which there is none
        bits = pa.py_buffer(np.packbits(np.ones(rows + 8, np.uint8)).tobytes())
        column = columns["3"]
        columns["3"] = pa.Array.from_buffers(pa.uint8(), rows, [bits, column.buffers()[1]])
    if draw(st.booleans()):
        columns["__index_level_0__"] = pa.array(range(rows), pa.int64())
    if draw(st.booleans()):
        columns["writer"] = pa.array([{"age": 7, "of": ["x"]}] * rows, WRITER)
    names = draw(st.permutations(list(columns)))
    nullable = draw(st.booleans())
    schema = pa.schema([pa.field(name, columns[name].type, nullable=nullable) for name in names])
    return ids, pixels, pa.table([columns[name] for name in names], schema)


@pytest.mark.parametrize("ending", ["parquet", "feather"])
@MANY
@given(
    layouts(),
    st.tuples(
        st.integers(1, 13),
        st.sampled_from(["zstd", "lz4", "none"]),
        st.sampled_from([30, 500, 2**24]),
    ),
)
def test_what_is_written_is_read(tmp_path, ending, layout, options):
    (ids, pixels, table), (together, compression, budget) = layout, options
    path = tmp_path / f"train_image_data_0.{ending}"
    if ending == "parquet":
        options = {"compression": compression, "row_group_size": together}
    else:
        compression = compression.replace("none", "uncompressed")
        options = {"compression": compression, "chunksize": together}
    worlds.write_table(path, table, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "PIXELS", COLUMNS)
        with open_shard(path) as shard:
            out = np.zeros((shard.rows, COLUMNS), np.uint8)
            decode(shard, out, budget=budget)
            assert shard.ids == ids
    np.testing.assert_array_equal(out, pixels)
