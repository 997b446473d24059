"""Probabilities in Parquet: a float32 list for each head, digests in the file's metadata.

N images, C classes of one head.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from graphemes.competition.text_columns import LONGEST_ID, NO_CODES, is_text, longest_text
from graphemes.foundation.arrays import Booleans
from graphemes.foundation.errors import DataError, one_line
from graphemes.foundation.files import replacing
from graphemes.foundation.heads import HEADS, Head, Probabilities

_DIGEST = b"graphemes.digest."  # before a digest's name, in the schema's metadata
AGAIN = "make it again"  # what to do about a file that is no good, for sentences
# A file of a few kilobytes can stand for any number of equal rows; so beyond as many as the
# competition has five times over, the file has to have some bytes for each.
_MOST_ROWS, _LEAST_BYTES = 2**20, 16
_TOGETHER = 256  # rows that are read at a time
_WIDEST = 4096  # bytes of a row in a column: 168 float64 and more
TOLERANCE = 1e-3  # of a row's sum: float16 rounds within half of this; bfloat16 does not


def probability_columns(probabilities: Probabilities) -> dict[str, pa.Array]:
    """Three Arrow columns, float32 lists of fixed size C, from three (N, C) arrays."""
    columns = {}
    for head, values in zip(HEADS, probabilities, strict=True):
        assert values.shape[1:] == (head.classes,), f"{head.name} {values.shape}"
        flat = pa.array(np.ascontiguousarray(values, dtype=np.float32).reshape(-1))
        columns[head.probability_column] = pa.FixedSizeListArray.from_arrays(flat, head.classes)
    return columns


def write_columns(path: Path, columns: dict[str, pa.Array], digests: Mapping[str, str]) -> None:
    """Write a Parquet file, whole or not at all."""
    metadata = {_DIGEST + name.encode(): value.encode() for name, value in digests.items()}
    with replacing(path) as temporary:
        table = pa.table(columns, metadata=metadata)
        pq.write_table(table, temporary, write_page_checksum=True)


def read_columns(
    path: Path, names: Sequence[str], optional: Sequence[str] = ()
) -> tuple[pa.Table, dict[str, str]]:
    """The named columns and the optional ones it has, none of them with gaps, and the digests.

    Raises DataError: no file, not Parquet, no such column, a column twice, more than such a table
    can hold, a gap, no rows.
    """
    try:
        with _opened(path) as file:
            schema = file.schema_arrow
            names = [*names, *(name for name in optional if name in schema.names)]
            _check_names(path, schema.names, names)
            _check_kinds(path, schema, names)
            _check_rows(path, file.metadata)
        texts = [name for name in names if is_text(schema.field(name).type)]
        try:
            table = _read(path, names, texts)
        except OSError as error:  # Arrow has no codes for the rarer encodings
            if NO_CODES not in str(error):
                raise
            table = _read(path, names, [])
    except FileNotFoundError:
        raise DataError(f"{path}: not found; train the fold that makes it") from None
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise DataError(f"{path}: can't be read as Parquet: {one_line(error)}; {AGAIN}") from None
    if not table.num_rows:
        raise DataError(f"{path}: expected rows, got none; {AGAIN}")
    for name in names:
        if table[name].null_count:
            row = table[name].is_null().to_pylist().index(True)
            raise DataError(f"{path}: row {row}: {name} is empty; {AGAIN}")
    return table, _digests(schema)


def _check_kinds(path: Path, schema: pa.Schema, names: Sequence[str]) -> None:
    """Others, such as lists of texts, would have to be read to know what they take."""
    for name in names:
        kind = schema.field(name).type
        inner = kind.value_type if _is_list(kind) else kind
        if not is_text(kind) and not pa.types.is_primitive(inner):
            raise DataError(
                f"{path}: {name}: expected texts, numbers or lists of numbers, got {kind}; {AGAIN}"
            )


def _opened(path: Path, coded: Sequence[str] = ()) -> pq.ParquetFile:
    # Somebody else's pages may have no checksums: those aren't looked at.
    return pq.ParquetFile(path, page_checksum_verification=True, read_dictionary=coded)


def _check_rows(path: Path, footer: pq.FileMetaData) -> None:
    rows = sum(footer.row_group(group).num_rows for group in range(footer.num_row_groups))
    most = max(_MOST_ROWS, path.stat().st_size // _LEAST_BYTES)
    if rows > most:
        raise DataError(
            f"{path}: {rows:,} rows, expected at most {most:,} of a file of its size; is it whole?"
            f" {AGAIN}"
        )


def _read(path: Path, names: Sequence[str], coded: Sequence[str]) -> pa.Table:
    """The columns, some as codes until it is known that no text is long.

    One long text or list, put out in each row, could fill the memory: so they are looked at piece
    by piece.
    """
    with _opened(path, coded) as file:
        pieces = [
            _checked(path, piece) for piece in file.iter_batches(_TOGETHER, columns=list(names))
        ]
        return pa.Table.from_batches(pieces) if pieces else file.read(columns=list(names))


def _checked(path: Path, piece: pa.RecordBatch) -> pa.RecordBatch:
    columns = []
    for name, column in zip(piece.schema.names, piece.columns, strict=True):
        if is_text(column.type):
            if (longest := longest_text(column)) > LONGEST_ID:
                raise DataError(
                    f"{path}: {name}: a text of {longest:,} bytes, expected at most {LONGEST_ID};"
                    f" {AGAIN}"
                )
            coded = isinstance(column, pa.DictionaryArray)
            texts = column.dictionary_decode() if coded else column
            texts.validate(full=True)  # else bytes that are no UTF-8 are met with later
            columns.append(texts)
        elif column.nbytes > _WIDEST * len(column):
            raise DataError(
                f"{path}: {name}: {column.nbytes:,} bytes in {len(column):,} rows, expected at most"
                f" {_WIDEST:,} in each; {AGAIN}"
            )
        else:
            columns.append(column)
    return pa.record_batch(columns, piece.schema.names) if columns else piece


def read_whole(path: Path) -> None:
    """Read all columns of a table of probabilities. Raises DataError."""
    table, _ = read_columns(path, ["image_id", *(head.probability_column for head in HEADS)])
    for head in HEADS:
        read_probabilities(path, table, head)


def read_digests(path: Path) -> dict[str, str]:
    """The digests of a Parquet file; empty when it carries none. Raises DataError."""
    return read_columns(path, [])[1]


def _check_names(path: Path, got: list[str], needed: Sequence[str]) -> None:
    missing = [name for name in needed if name not in got]
    if missing:
        raise DataError(
            f"{path}: expected column {', '.join(missing)}, got {', '.join(got)}; {AGAIN}"
        )
    twice = next((name for name in needed if got.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{path}: column {twice} is there twice; keep one")


def _digests(schema: pa.Schema) -> dict[str, str]:
    return {
        key.removeprefix(_DIGEST).decode(errors="replace"): value.decode(errors="replace")
        for key, value in (schema.metadata or {}).items()
        if key.startswith(_DIGEST)
    }


def read_probabilities(path: Path, table: pa.Table, head: Head) -> npt.NDArray[np.float32]:
    """(N, C) float32 of one head; rows are finite, none negative, normalised.

    Takes lists of fixed or free length of any float type. Raises DataError naming the image.
    """
    name = head.probability_column
    column = table[name].combine_chunks()
    if not _is_list(column.type) or not pa.types.is_floating(column.type.value_type):
        raise DataError(f"{path}: {name}: expected lists of floats, got {column.type}; {AGAIN}")
    where, ids = f"{path}: {name}", table["image_id"]
    lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
    _check(where, ids, lengths == head.classes, f"{head.classes} values", lengths)
    flat = column.flatten()
    values = flat.to_numpy(zero_copy_only=False).reshape(len(column), head.classes)
    # A gap inside a list has become NaN by now.
    _check(where, ids, np.isfinite(values).all(axis=1), "finite values")
    _check(where, ids, (values >= 0).all(axis=1), "none below 0", values.min(axis=1))
    sums = values.sum(axis=1, dtype=np.float64)
    _check(where, ids, np.abs(sums - 1) <= TOLERANCE, "normalised values, sum 1", sums)
    return np.asarray(values, dtype=np.float32)


def _is_list(kind: pa.DataType) -> bool:
    tests = pa.types.is_fixed_size_list, pa.types.is_list, pa.types.is_large_list
    return any(test(kind) for test in tests)


def _check(
    where: str,
    ids: pa.ChunkedArray,
    good: Booleans,
    expected: str,
    values: npt.NDArray[np.generic] | None = None,
) -> None:
    """Raise DataError about the first row that isn't good, showing its value; all are (N,)."""
    if good.all():
        return
    row = int(np.argmin(good))
    got = "NaN, infinity or a gap" if values is None else f"{values[row]:.6g}"
    raise DataError(
        f"{where} of {ids[row].as_py()!r}: expected {expected}, got {got}"
        f" ({int((~good).sum())} such rows); make the file again, with probabilities, not logits"
    )


def write_probabilities(
    path: Path,
    image_ids: Sequence[str],
    probabilities: Probabilities,
    digests: Mapping[str, str],
) -> None:
    """Write probabilities.parquet: image_id and a float32 list of C for each head."""
    columns = {"image_id": pa.array(image_ids, pa.string()), **probability_columns(probabilities)}
    write_columns(path, columns, digests)
