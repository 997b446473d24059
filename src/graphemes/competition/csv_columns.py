"""Columns of a CSV, each value with the line it stands on, so that a fault can be pointed at.

Read by the csv module rather than by pandas: pandas takes a row's surplus cells for an index,
fills short rows in silence, skips blank lines without counting them and turns an id 'NA' into a
gap; and its text dtype changed in version 3.

N rows below the header.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TextIO

import numpy as np

from graphemes.foundation.arrays import Integers
from graphemes.foundation.errors import DataError

_WHOLE = re.compile(r"-?[0-9]{1,18}")  # 18 digits fit in 64 bits


class NoSuchTable(DataError):
    """A table that isn't there."""


@dataclass(frozen=True)
class CsvColumns:
    """Some columns of a CSV as text: every list has N values, in the file's order."""

    path: Path
    values: dict[str, list[str]]  # by column
    lines: list[int]  # as an editor counts them: the header is line 1

    def fault(self, row: int, sentence: str) -> NoReturn:
        """Raise DataError about one row, naming the file and the line."""
        raise DataError(f"{self.path}: line {self.lines[row]}: {sentence}")

    def ids(self, column: str) -> list[str]:
        """N texts, none empty and none twice. Raises DataError naming the lines."""
        values = self.texts(column)
        if len(set(values)) == len(values):
            return values
        first: dict[str, int] = {}
        row = next(row for row, value in enumerate(values) if first.setdefault(value, row) != row)
        before = self.lines[first[values[row]]]
        self.fault(row, f"{column} {values[row]!r} stands on line {before} already; keep one")

    def texts(self, column: str) -> list[str]:
        """N texts, none empty. Raises DataError naming the line."""
        values = self.values[column]
        if "" in values:
            self.fault(values.index(""), f"{column} is empty; fill it in or remove the row")
        return values

    def integers(self, column: str, low: int, high: int | None = None) -> Integers:
        """(N,) int64, low <= value < high. Raises DataError naming column, line and text."""
        texts = self.texts(column)
        # A column of labels holds few different texts; each is read once.
        integers = {text: _integer(text, low, high) for text in set(texts)}
        bad = {text for text, integer in integers.items() if integer is None}
        if bad:
            row = next(row for row, text in enumerate(texts) if text in bad)
            bounds = f"{low} or more" if high is None else f"{low}..{high - 1}"
            self.fault(
                row, f"{column}: expected a whole number, {bounds}, got {texts[row]!r}; correct it"
            )
        return np.array([integers[text] for text in texts], dtype=np.int64)


def read_csv_columns(
    path: Path, needed: Sequence[str], advice: str, optional: Sequence[str] = ()
) -> CsvColumns:
    """The needed columns of a comma-separated UTF-8 file, and the optional ones it has.

    Other columns are passed over, blank lines too. `advice` ends the sentence when the file as
    a whole is no good. Raises NoSuchTable; DataError: not UTF-8, not CSV, no rows, no such column,
    a column twice, a row of another length.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # -sig: spreadsheets add a mark
            return _read(path, file, needed, advice, optional)
    except FileNotFoundError:
        zipped = path.with_name(f"{path.name}.zip")  # as Kaggle's download tool leaves it
        todo = f"{zipped.name} is zipped: unzip it there" if zipped.is_file() else advice
        raise NoSuchTable(f"{path}: not found; {todo}") from None
    except OSError as error:
        raise DataError(f"{path}: can't be read: {error.strerror}; {advice}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: expected CSV text in UTF-8, got other bytes; {advice}") from None
    except csv.Error as error:
        raise DataError(f"{path}: can't be read as CSV: {error}; {advice}") from None


def _read(
    path: Path, file: TextIO, needed: Sequence[str], advice: str, optional: Sequence[str]
) -> CsvColumns:
    rows = csv.reader(file, strict=True)
    header = next(rows, None)
    if header is None:
        raise DataError(f"{path}: the file is empty; {advice}")
    positions = _positions(path, header, needed, advice, optional)
    columns = CsvColumns(path, {name: [] for name in positions}, [])
    targets = [(columns.values[name], position) for name, position in positions.items()]
    for row in rows:
        if not row:
            continue
        if len(row) != len(header):
            raise DataError(
                f"{path}: line {rows.line_num}: expected {len(header)} cells as in the header,"
                f" got {len(row)}; is the file cut off or a comma unquoted?"
            )
        columns.lines.append(rows.line_num)
        for values, position in targets:
            values.append(row[position])
    if not columns.lines:
        raise DataError(f"{path}: expected rows below the header, got none; {advice}")
    return columns


def _positions(
    path: Path, header: list[str], needed: Sequence[str], advice: str, optional: Sequence[str]
) -> dict[str, int]:
    """Where each column is in a row."""
    missing = [name for name in needed if name not in header]
    if missing:
        got = ", ".join(header)
        got = got if len(got) <= 200 else got[:200] + " ..."
        raise DataError(f"{path}: expected column {', '.join(missing)}, got {got!r}; {advice}")
    known = [*needed, *(name for name in optional if name in header)]
    twice = next((name for name in known if header.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{path}: column {twice} stands in the header twice; remove one")
    return {name: header.index(name) for name in known}


def _integer(text: str, low: int, high: int | None) -> int | None:
    if not _WHOLE.fullmatch(text.strip()):
        return None
    value = int(text)
    return value if low <= value and (high is None or value < high) else None


def some(names: Sequence[str]) -> str:
    """A count and the first names, for a sentence: "12: 'a', 'b', 'c' ..."."""
    shown = ", ".join(repr(name) for name in names[:3])
    return f"{len(names)}: {shown}{' ...' if len(names) > 3 else ''}"
