"""The out-of-fold table comes back as written; anybody's is checked before it is believed."""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from graphemes.evaluation.oof import OofTable, concatenate, read_oof, write_oof
from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import COLUMNS, HEADS, PerHead
from graphemes.foundation.seeds import stream

DIGESTS = {"data": "d" * 32, "folds": "f" * 32, "weights": "0" * 32}
N = 5


def made(fold: int = 0, **changes: object) -> OofTable:
    random = stream(0, fold)
    return OofTable(
        **{
            "image_ids": [f"Train_{fold}{row}" for row in range(N)],
            "folds": np.full(N, fold),
            "truth": HEADS.map(lambda head: random.integers(head.classes, size=N)),
            "probabilities": HEADS.map(
                lambda head: random.dirichlet(np.ones(head.classes), N).astype(np.float32)
            ),
            "digests": DIGESTS,
            **changes,
        }
    )


def assert_same(one: OofTable, other: OofTable) -> None:
    assert one.image_ids == other.image_ids
    np.testing.assert_array_equal(one.folds, other.folds)
    for ours, theirs in zip(
        [*one.truth, *one.probabilities], [*other.truth, *other.probabilities], strict=True
    ):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    assert dict(one.digests) == dict(other.digests)


def test_a_table_comes_back_as_it_was_written(tmp_path):
    path = tmp_path / "fold0" / "oof.parquet"
    write_oof(path, made())
    table = read_oof(path)
    assert_same(table, made())
    assert table.source == str(path)
    assert table.warnings() == []
    assert [file.name for file in path.parent.iterdir()] == ["oof.parquet"]


def test_the_columns_are_those_agreed_on(tmp_path):
    path = tmp_path / "oof.parquet"
    write_oof(path, made())
    schema = pq.read_schema(path)
    names = ["image_id", "fold", *COLUMNS, *(f"probability_{column}" for column in COLUMNS)]
    assert schema.names == names
    for head in HEADS:
        kind = schema.field(head.probability_column).type
        assert kind.list_size == head.classes
        assert kind.value_type == pa.float32()


def test_what_was_seen_comes_back_where_it_is_known(tmp_path):
    path = tmp_path / "oof.parquet"
    write_oof(path, made())
    assert read_oof(path).seen is None
    seen = np.arange(N) % 2 == 0
    write_oof(path, made(seen=seen))
    assert pq.read_schema(path).names[-1] == "seen_in_training"
    np.testing.assert_array_equal(read_oof(path).seen, seen)
    both = concatenate([made(0, seen=seen), made(1, seen=~seen)])
    assert both.seen.tolist() == [*seen.tolist(), *(~seen).tolist()]
    assert concatenate([made(0, seen=seen), made(1)]).seen is None


def test_the_digests_given_are_those_written(tmp_path):
    path = tmp_path / "oof.parquet"
    write_oof(path, made(), {"data": "x"})
    assert read_oof(path).digests == {"data": "x"}


def test_missing_digests_are_a_warning_not_an_error(tmp_path):
    path = tmp_path / "oof.parquet"
    write_oof(path, made(), {"folds": "x"})
    (line,) = read_oof(path).warnings()
    assert line.startswith(f"{path}: no digest of data in the metadata")


def rewritten(path, change) -> None:
    """Write a good table, then change its Arrow form: {name: column} -> {name: column}."""
    write_oof(path, made())
    table = pq.read_table(path)
    columns = {name: table[name].combine_chunks() for name in table.schema.names}
    pq.write_table(pa.table(change(columns), metadata=table.schema.metadata), path)


def as_type(make):
    """Another Arrow type for every list of probabilities."""

    def change(columns):
        return columns | {
            head.probability_column: columns[head.probability_column].cast(make(head.classes))
            for head in HEADS
        }

    return change


@pytest.mark.parametrize(
    "change",
    [
        as_type(lambda _: pa.list_(pa.float32())),
        as_type(lambda _: pa.large_list(pa.float64())),
        as_type(lambda classes: pa.list_(pa.float64(), classes)),
        lambda c: c | {"image_id": c["image_id"].cast(pa.large_string())},
        lambda c: c | {"image_id": c["image_id"].cast(pa.string_view())},
        lambda c: c | {"image_id": c["image_id"].dictionary_encode()},
        lambda c: c | {"fold": c["fold"].cast(pa.int8())},
        lambda c: {"note": pa.array(["?"] * N)} | dict(reversed(c.items())),
    ],
    ids=["list", "large list", "float64", "large", "view", "dictionary", "int8", "order"],
)
def test_other_spellings_of_the_same_table_are_read(tmp_path, change):
    path = tmp_path / "oof.parquet"
    rewritten(path, change)
    assert_same(read_oof(path), made())


def test_a_table_of_many_row_groups_is_read(tmp_path):
    path = tmp_path / "oof.parquet"
    write_oof(path, made())
    pq.write_table(pq.read_table(path), path, row_group_size=2)
    assert_same(read_oof(path), made())


def with_value(name, row, value):
    """One value of a column replaced."""

    def change(columns):
        values = columns[name].to_pylist()
        values[row] = value(values[row]) if callable(value) else value
        kind = columns[name].type
        if pa.types.is_fixed_size_list(kind):
            kind = pa.list_(pa.float32())
        return columns | {name: pa.array(values, kind)}

    return change


VOWEL = "probability_vowel_diacritic"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda c: {k: v for k, v in c.items() if k not in ("fold", VOWEL)},
         f"expected column fold, {VOWEL}, got image_id, grapheme_root"),
        (lambda c: {k: v[:0] for k, v in c.items()}, "expected rows, got none"),
        (lambda c: c | {"image_id": pa.array(range(N))}, "image_id: expected strings, got int64"),
        (lambda c: c | {"fold": pa.array([0.0] * N)}, "fold: expected integers, got double"),
        (lambda c: c | {VOWEL: pa.array(range(N))},
         f"{VOWEL}: expected lists of floats, got int64"),
        (lambda c: c | {VOWEL: pa.array([[1] + [0] * 10] * N)},
         f"{VOWEL}: expected lists of floats, got list<"),
        (with_value("image_id", 2, None), "row 2: image_id is empty"),
        (lambda c: c | {"image_id": pa.array([b"Train_\xff"] * N).view(pa.string())},
         "can't be read as Parquet: Invalid UTF8 sequence"),
        (lambda c: c | {"image_id": pa.array([b"Train_0"] * N)},
         "image_id: expected texts, numbers or lists of numbers, got binary"),
        (with_value("grapheme_root", 1, None), "row 1: grapheme_root is empty"),
        (with_value(VOWEL, 3, None), f"row 3: {VOWEL} is empty"),
        (with_value("image_id", 4, "Train_00"),
         "expected each image_id once, got twice 1: 'Train_00'"),
        (lambda c: c | {"seen_in_training": pa.array([1] * N)},
         "seen_in_training: expected true or false, got int64"),
        (lambda c: c | {"seen_in_training": pa.array([True] * (N - 1) + [None])},
         f"row {N - 1}: seen_in_training is empty"),
        (with_value("fold", 1, -1), "'Train_01': fold: expected 0 or more, got -1"),
        (with_value("vowel_diacritic", 1, 11), "'Train_01': vowel_diacritic: expected 0..10"),
        (with_value("consonant_diacritic", 0, -1), "'Train_00': consonant_diacritic: expected"),
        (with_value(VOWEL, 3, [1.0] + [0.0] * 9), f"{VOWEL} of 'Train_03': expected 11 values, "
         "got 10 (1 such rows)"),
        (lambda c: c | {VOWEL: c["probability_consonant_diacritic"]},
         f"{VOWEL} of 'Train_00': expected 11 values, got 7 (5 such rows)"),
        (with_value(VOWEL, 2, [float("nan")] * 11), f"{VOWEL} of 'Train_02': expected finite"),
        (with_value(VOWEL, 2, [float("inf")] * 11), f"{VOWEL} of 'Train_02': expected finite"),
        (with_value(VOWEL, 2, [None, 1.0] + [0.0] * 9), f"{VOWEL} of 'Train_02': expected finite"),
        (with_value(VOWEL, 2, [1.5, -0.5] + [0.0] * 9),
         f"{VOWEL} of 'Train_02': expected none below 0, got -0.5"),
        (with_value(VOWEL, 2, [0.5, 0.502] + [0.0] * 9),
         f"{VOWEL} of 'Train_02': expected normalised values, sum 1, got 1.002"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_right_is_refused(tmp_path, change, sentence):
    path = tmp_path / "oof.parquet"
    rewritten(path, change)
    with pytest.raises(DataError) as caught:
        read_oof(path)
    assert str(caught.value).startswith(f"{path}: {sentence}")
    assert "\n" not in str(caught.value)


def test_a_column_whose_name_is_no_text_is_a_sentence(tmp_path):
    path = tmp_path / "oof.parquet"
    write_oof(path, made())
    table = pq.read_table(path)
    pq.write_table(table.append_column("notes", table["fold"]), path, store_schema=False)
    content = path.read_bytes()
    assert b"notes" in content
    path.write_bytes(content.replace(b"notes", b"not\xffs"))
    with pytest.raises(DataError, match=r"oof\.parquet: can't be read as Parquet: 'utf-8' codec"):
        read_oof(path)


def test_the_sum_may_stray_as_far_as_half_precision_does(tmp_path):
    path = tmp_path / "oof.parquet"
    rewritten(path, with_value(VOWEL, 2, [0.5, 0.5009] + [0.0] * 9))
    assert read_oof(path).probabilities.vowel[2].sum() == pytest.approx(1.0009, abs=1e-5)


@pytest.mark.parametrize("content", [b"", b"image_id,fold\n", b"PAR1 cut off PAR1"])
def test_no_parquet_and_no_file_are_named(tmp_path, content):
    path = tmp_path / "oof.parquet"
    with pytest.raises(DataError, match=r"oof\.parquet: not found"):
        read_oof(path)
    path.write_bytes(content)
    with pytest.raises(DataError, match="can't be read as Parquet") as caught:
        read_oof(path)
    assert "\n" not in str(caught.value)


def test_folds_are_put_together_in_their_order():
    tables = [made(2), made(0), made(1)]
    whole = concatenate(tables)
    assert whole.image_ids == [name for table in tables for name in table.image_ids]
    assert whole.folds.tolist() == [2] * N + [0] * N + [1] * N
    for index, table in enumerate(tables):
        rows = slice(index * N, (index + 1) * N)
        part = whole.truth.map(lambda values, rows=rows: values[rows])
        assert PerHead(*(x.tolist() for x in part)) == table.truth.map(np.ndarray.tolist)
        np.testing.assert_array_equal(whole.probabilities.root[rows], table.probabilities.root)
    assert_same(concatenate([made(0)]), made(0))


def test_what_every_fold_has_of_its_own_does_not_survive():
    other = made(1, digests=DIGESTS | {"weights": "1" * 32})
    assert concatenate([made(0), other]).digests == {
        "data": DIGESTS["data"],
        "folds": DIGESTS["folds"],
    }
    # A table without digests contradicts nobody; it has been warned about.
    assert concatenate([made(1, digests={}), made(0)]).digests == DIGESTS


@pytest.mark.parametrize(("name", "called"), [("folds", r"folds\.csv"), ("data", "data")])
def test_tables_that_do_not_belong_together_are_refused(name, called):
    silent = made(2, digests={})
    other = made(1, digests=DIGESTS | {name: "e" * 32}, source="fold1/oof.parquet")
    first = dataclasses.replace(made(0), source="fold0/oof.parquet")
    sentence = rf"^fold1/oof\.parquet: made with another {called} than fold0/oof\.parquet \(digest"
    with pytest.raises(DataError, match=sentence):
        concatenate([silent, first, other])


def test_tables_that_share_images_are_refused():
    one, two = (dataclasses.replace(made(0), source=f"{name}/oof.parquet") for name in "ab")
    sentence = r"^a/oof\.parquet and b/oof\.parquet: expected each image in one table, got in two 5"
    with pytest.raises(DataError, match=sentence):
        concatenate([one, made(1), two])
