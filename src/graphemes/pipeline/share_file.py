"""shares.json: how much each of several runs counts, for each set of runs that score has fitted."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from graphemes.foundation.errors import DataError
from graphemes.foundation.files import locked, read_json, write_json
from graphemes.foundation.layout import Layout


class ShareEntry(BaseModel):
    """The fitted shares of one set of runs, checked as they are read."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False, frozen=True)

    shares: list[Annotated[float, Field(ge=0, le=1)]]  # by name of the run
    wins: bool  # over equal shares, by more than the gain's standard error
    nested_score: float
    equal_score: float
    gain: float | None = None  # None in files of before it was judged
    error: float | None = None  # the gain's standard error
    images: Annotated[int, Field(ge=1)]
    tables: list[list[str]]  # digests of each run's out-of-fold tables


_ENTRIES = TypeAdapter(dict[str, ShareEntry])


def read_shares(layout: Layout) -> dict[str, ShareEntry]:
    """By names with commas between, in order; {} without a file. Raises DataError."""
    if not layout.shares.is_file():
        return {}
    try:
        return _ENTRIES.validate_python(read_json(layout.shares))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise DataError(
            f"{layout.shares}: {place}: {first['msg']}; delete it, and score runs= fits shares anew"
        ) from None


def keep_shares(layout: Layout, names: str, entry: ShareEntry) -> None:
    """Let the file have these beside those of other sets, which others may write meanwhile."""
    with locked(layout.shares.with_name(f".{layout.shares.name}.lock")):
        entries = {**read_shares(layout), names: entry}
        write_json(layout.shares, {name: one.model_dump() for name, one in entries.items()})
