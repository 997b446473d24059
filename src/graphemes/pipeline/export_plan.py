"""The plan of an export: which networks, where to, what stands there; most of its refusals."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphemes.foundation.errors import PlaceTaken
from graphemes.foundation.files import file_digest, read_json
from graphemes.foundation.layout import CALL, FoldPaths, Layout
from graphemes.foundation.places import need_utf8, need_writable
from graphemes.foundation.progress import say
from graphemes.foundation.settings.exports import ExportSettings
from graphemes.inference.onnx_library import onnx_library, onnxruntime_library
from graphemes.network.weights import read_record
from graphemes.pipeline.decisions import ChosenRule, choose_rule, identities_of
from graphemes.pipeline.trained_networks import asked_weights, find_weights
from graphemes.pipeline.workspace import find_layout

RECORD = "export.json"


@dataclass(frozen=True)
class ExportPlan:
    """Which networks go where, and in which form."""

    settings: ExportSettings
    weights: list[Path]
    out: Path
    origin: dict[str, Any]  # what tells this export from others
    chosen: ChosenRule  # which labels its probabilities would give
    kept: bool  # it is there already


def plan_export(settings: ExportSettings) -> ExportPlan:
    """Every refusal that needs no network.

    Raises DataError for a fold that isn't finished, MissingPackage, PlaceTaken.
    """
    layout = find_layout(settings)
    weights = _weights(settings, layout)
    if settings.format in ("onnx", "page"):
        onnx_library()
        onnxruntime_library()
    out = settings.out or layout.export
    need_utf8(out)
    origin: dict[str, Any] = {
        "format": settings.format,
        "dtype": settings.dtype,
        "preprocess": settings.preprocess,
        "weights": [file_digest(path) for path in weights],
    }
    records = [read_record(path) for path in weights]
    chosen = choose_rule("auto", weights, identities_of(records))
    if chosen.file is not None:  # exports of before had none
        origin["decision"] = chosen.summary
    kept = _is_kept(out, origin, overwrite=settings.overwrite)
    if kept:
        say(f"{out}: made of these weights in this form: kept")
    return ExportPlan(settings, weights, out, origin, chosen, kept)


def _weights(settings: ExportSettings, layout: Layout) -> list[Path]:
    if settings.weights:
        return find_weights(settings.weights, say)
    fold = settings.fold
    refusal = _first_all if fold == "all" else _first_this
    left_out = "this fold isn't finished: left out"
    return asked_weights(layout, fold, left_out=left_out, refusal=refusal, out=say)


def _first_all(place: FoldPaths) -> str:
    return f"this fold isn't finished; finish it first: {CALL} fold={place.number}"


def _first_this(place: FoldPaths) -> str:
    state = "isn't finished" if place.begun else "wasn't trained"
    return (
        f"this fold {state}, expected its weights and run.json; train it first"
        f" ({CALL} fold={place.directory.name.removeprefix('fold')}), or give weights=PATH"
    )


def _is_kept(out: Path, origin: dict[str, Any], *, overwrite: bool) -> bool:
    """Whether this very export is at `out` already. Raises PlaceTaken if anything else is."""
    if not out.is_dir():
        need_writable(out)
        if out.exists():
            raise PlaceTaken(f"{out}: is a file, expected a folder to write; give another out=PATH")
        return False
    inside = sorted(path.name for path in out.iterdir())
    if not inside:
        return False
    record = read_json(out / RECORD) if RECORD in inside else None
    kept, files = _part(record, "origin"), _part(record, "files")
    if "format" not in kept:  # whatever the user says: it may be anybody's home
        raise PlaceTaken(
            f"{out}: holds {inside[0]!r} and no {RECORD} of ours, so it is no export, and isn't"
            " replaced; give another out=PATH"
        )
    if overwrite:
        return False
    other = [key for key, value in origin.items() if kept.get(key) != value]
    absent = [name for name in files if not (out / name).is_file()]
    if not other and not absent:
        return True
    what = f"lacks {absent[0]}" if not other else f"is an export of another {' and '.join(other)}"
    raise PlaceTaken(f"{out}: {what}; overwrite=true replaces it, out=PATH keeps both")


def _part(record: Any, key: str) -> dict[str, Any]:
    """One object of a record that anybody may have changed; {} where there is none."""
    found = record.get(key) if isinstance(record, dict) else None
    return found if isinstance(found, dict) else {}
