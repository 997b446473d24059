"""What bench leaves: bench.json, whole or not at all, and the printed table."""

import datetime
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from graphemes.experiments.bench_run import CORES, Bench, Findings
from graphemes.foundation.errors import DataError
from graphemes.foundation.files import read_json
from graphemes.foundation.layout import ROOT
from graphemes.foundation.machine import machine_name, usable_memory
from graphemes.foundation.progress import say
from graphemes.foundation.versions import commit, versions

FORMAT = 1
FEW = 2_000  # rows
_SAME = ("machine", "commit", "versions")  # without which figures don't belong together
Report = dict[str, Any]  # what bench.json holds


def begin_report(path: Path, bench: Bench) -> Report:
    """A report of this machine and commit, with the parts that an earlier call left there.

    Parts of another machine, commit or set of packages are left out, with a word.
    """
    report: Report = {
        "format": FORMAT,
        "machine": _machine(bench),
        "commit": commit(ROOT),
        "versions": versions(),
        "parts": {},
    }
    try:
        kept = read_json(path)
        parts, other = kept["parts"], [key for key in _SAME if kept[key] != report[key]]
    except (DataError, KeyError, TypeError):  # there is none, or a damaged one
        return report
    if other:
        names = ", ".join(parts) or "nothing"
        say(f"{path}: was of another {' and '.join(other)} ({names}), so it is begun anew")
        return report
    return {**report, "parts": parts}


def _machine(bench: Bench) -> dict[str, Any]:
    device = bench.engine.device
    return {
        "name": machine_name(),
        "cores": CORES,
        "threads": torch.get_num_threads(),
        "memory_bytes": usable_memory(),
        "system": platform.platform(),
        "device": bench.engine.describe(),
        "device_type": device.type,
        "precision": bench.engine.precision,
        "cuda": torch.version.cuda,
    }


def part_record(bench: Bench, found: Findings, seconds: float) -> Report:
    """What bench.json says of a part that was measured."""
    settings = bench.settings
    return {
        "measured": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
        "rows": bench.rows,
        "repeated": bench.data.repeated(bench.rows),
        "images": len(bench.data.data.rows),
        "settings": settings.model_dump(mode="json", include=settings.model_fields_set),
        "figures": [figure.record() for figure in found.figures],
        "notes": found.notes,
        "error": None,
    }


def failed_record(former: Report | None, error: str) -> Report:
    """A part that failed: its figures of before, if there were any, and why it failed now."""
    nothing: Report = {"figures": [], "notes": []}
    return {**(former or nothing), "error": error}


def table_lines(name: str, part: Report) -> list[str]:
    """A part's figures for people: a line each."""
    lines = [f"{name}:"]
    wide = max((len(figure["name"]) for figure in part["figures"]), default=0)
    lines += [_line(figure, wide) for figure in part["figures"]]
    lines += [f"  ({note})" for note in part["notes"]]
    if part["error"]:
        lines.append(f"  FAILED: {part['error']}")
    return lines


def _line(figure: Report, wide: int) -> str:
    value = f"{number(figure['median'])} +- {number(figure['std'])} {figure['unit']}".rstrip()
    line = f"  {figure['name']:<{wide}}  {value:<28} n={figure['n']}"
    if "ratio" in figure:
        line += f"  {figure['ratio']:.2f} x {figure['against']}"
    if "mark" in figure:
        sign = ">=" if figure["side"] == "least" else "<="
        line += (
            f"  mark {sign} {figure['mark']:.3g}: {'reached' if figure['reached'] else 'MISSED'}"
        )
    if "about" in figure:
        line += f"  {figure['about']}"
    return line


def number(value: float) -> str:
    """Three digits that count: '2,850', '12.3', '0.0412'."""
    if value and abs(value) < 1:
        return f"{value:.3g}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def marks_line(report: Report, measured: Sequence[str]) -> str:
    """How many marks the parts that were measured now have reached; the names of the others."""
    judged = [
        (f"{name} ({figure['name']})", figure["reached"])
        for name in measured
        for figure in report["parts"][name]["figures"]
        if "mark" in figure
    ]
    if not judged:
        return "nothing here has a mark"
    missed = [name for name, reached in judged if not reached]
    text = f"{len(judged) - len(missed)} of {len(judged)} marks reached"
    if missed:
        text += f"; missed: {', '.join(missed)}"
    if min(report["parts"][name].get("rows", FEW) for name in measured) < FEW:
        text += " (marks are meant for more rows: in few, what is done once rules)"
    return text
