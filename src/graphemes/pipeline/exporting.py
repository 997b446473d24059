"""Finished networks in other programs' forms: planned, written whole, held against torch."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from graphemes.foundation.errors import DataError, NetworkError, PlaceTaken
from graphemes.foundation.files import (
    file_digest,
    need_space,
    need_utf8,
    need_writable,
    read_json,
    replacing_folder,
    write_json,
)
from graphemes.foundation.heads import PerHead, Probabilities
from graphemes.foundation.layout import ROOT, Layout
from graphemes.foundation.machine import machine_name
from graphemes.foundation.progress import progress, say
from graphemes.foundation.settings.exports import ExportSettings
from graphemes.foundation.versions import commit, versions
from graphemes.images.transforms import make_transform
from graphemes.inference.export import (
    OUTPUTS,
    PICTURES,
    SCANS,
    MeanReader,
    ScanReader,
    make_program,
    picture_example,
    save_program,
    scan_example,
)
from graphemes.inference.onnx_graphs import (
    OPSET,
    Session,
    convert,
    describe,
    joined,
    quantised,
    save,
)
from graphemes.inference.onnx_library import onnx_library, onnxruntime_library
from graphemes.inference.scan_graph import ScanToPicture
from graphemes.network.devices import Engine, fast_precision
from graphemes.pipeline.export_checks import (
    BATCH,
    CheckImages,
    Comparison,
    Reader,
    batches_of,
    compare,
    find_check_images,
    pictures,
    speeds,
    torch_reader,
)
from graphemes.pipeline.export_texts import about_networks, check_lines
from graphemes.pipeline.hub_folder import write_hub, write_weights
from graphemes.pipeline.trained_networks import (
    ReadyNetworks,
    find_weights,
    finished_weights,
    load_networks,
)
from graphemes.pipeline.workspace import Workspace, find_layout, find_workspace

RECORD = "export.json"
GRAPH, PROGRAM = "graphemes.onnx", "graphemes.pt2"
CLOSE = 1e-4  # the most that a probability in fp32 may differ from torch's on the same picture
CPU = torch.device("cpu")
EXACT = Engine(CPU, "fp32")


@dataclass(frozen=True)
class ExportPlan:
    """Which networks go where, and in which form."""

    settings: ExportSettings
    weights: list[Path]
    out: Path
    origin: dict[str, Any]  # what tells this export from others
    kept: bool  # it is there already


def plan_export(settings: ExportSettings) -> ExportPlan:
    """Every refusal that needs no network.

    Raises DataError for a fold that isn't finished, MissingPackage, PlaceTaken.
    """
    layout = find_layout(settings)
    weights = _weights(settings, layout)
    if settings.format == "onnx":
        onnx_library()
        onnxruntime_library()
    out = settings.out or layout.export
    need_utf8(out)
    origin = {
        "format": settings.format,
        "dtype": settings.dtype,
        "preprocess": settings.preprocess,
        "weights": [file_digest(path) for path in weights],
    }
    kept = _is_kept(out, origin, overwrite=settings.overwrite)
    if kept:
        say(f"{out}: made of these weights in this form: kept")
    return ExportPlan(settings, weights, out, origin, kept)


def _weights(settings: ExportSettings, layout: Layout) -> list[Path]:
    if settings.weights:
        return find_weights(settings.weights, say)
    if settings.fold is None or settings.fold == "all":
        for place in layout.folds():
            if not place.finished and (settings.fold == "all" or place.begun):
                said = f"{place.directory}: this fold isn't finished"
                if settings.fold == "all":
                    raise DataError(f"{said}; finish it first: bash run.sh fold={place.number}")
                say(f"{said}: left out")
        return finished_weights(layout)
    chosen = ["none"] if settings.fold == "none" else list(settings.fold)
    for fold in chosen:
        place = layout.fold(fold)
        if not place.finished:
            state = "isn't finished" if place.begun else "wasn't trained"
            raise DataError(
                f"{place.directory}: this fold {state}, expected its weights and run.json;"
                f" train it first (bash run.sh fold={fold}), or give weights=PATH"
            )
    return [layout.fold(fold).weights for fold in chosen]


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


def export_networks(plan: ExportPlan) -> None:
    """Write the networks, hold what was written against torch, and say how it went."""
    settings = plan.settings
    workspace = find_workspace(settings)
    ready = load_networks(plan.weights, EXACT)
    quantises = settings.dtype == "int8"
    images = find_check_images(workspace, plan.weights, settings.images, needed=quantises)
    work = _Work(plan, ready, images, workspace)
    # Weights, with timm's trunk beside them, and for a moment what is quantised.
    most = 3 * sum(path.stat().st_size for path in plan.weights) + 20_000_000
    need_space(plan.out, most, "this export", "out")
    say(f"{plan.out}: {settings.format}, {settings.dtype}, of {len(plan.weights)} network(s)")
    with replacing_folder(plan.out) as folder:
        reader = _WRITERS[settings.format](work, folder)
        comparison, speed = work.compare(reader), work.speeds(reader)
        if work.must_be_exact and not comparison.largest_difference <= CLOSE:
            raise NetworkError(
                f"format={settings.format}: what was written gives probabilities that differ by"
                f" {comparison.largest_difference:.2g} from torch's, at most {CLOSE:g} expected,"
                " so it isn't kept; take another trunk, or format=weights"
            )
        write_json(folder / RECORD, work.record(folder, comparison, speed))
    for line in check_lines(images.source, comparison, speed):
        say(line)
    say(f"{plan.out}: written")


@dataclass(frozen=True)
class _Work:
    """What the writers of all forms need."""

    plan: ExportPlan
    ready: ReadyNetworks
    images: CheckImages
    workspace: Workspace

    @property
    def must_be_exact(self) -> bool:
        """Whether the same pictures must give torch's probabilities."""
        return self.plan.settings.dtype == "fp32" and not self.plan.settings.preprocess

    @property
    def halves(self) -> bool:
        """Whether weights become float16."""
        return self.plan.settings.dtype == "fp16"

    @property
    def name(self) -> str:
        """Of what was written, for people."""
        inside = ", scans" if self.plan.settings.preprocess else ""
        return f"{self.plan.settings.format}, {self.plan.settings.dtype}{inside}"

    def about(self) -> dict[str, Any]:
        """What a file says of itself: classes, settings, where it comes from."""
        settings = self.plan.settings
        return about_networks(
            self.ready, self.plan.weights, dtype=settings.dtype, preprocess=settings.preprocess
        )

    def mean_reader(self) -> MeanReader:
        """The networks as one module."""
        return MeanReader(self.ready.networks, half=self.halves)

    def batches(self) -> Iterator[npt.NDArray[np.float32]]:
        """The images as pictures of our transforms."""
        return map(self.pictures, batches_of(self.images.scans))

    def calibration(self) -> Iterator[npt.NDArray[np.float32]]:
        """Others, as pictures, to calibrate on."""
        return map(self.pictures, batches_of(self.images.calibration))

    def pictures(self, scans: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """(B, 1, H, W) of scans, by our transforms."""
        return pictures(scans, make_transform(self.ready.image_size, self.ready.crop))

    def compare(self, reader: Reader) -> Comparison:
        """What was written against torch in fp32 on pictures of our transforms."""
        scans = self.plan.settings.preprocess
        exact = torch_reader(self.ready, EXACT)
        expected, got = [], []
        with progress("checking", len(self.images.scans)) as advance:
            for batch in batches_of(self.images.scans):
                ink = self.pictures(batch)
                expected.append(exact(ink))
                got.append(reader(np.ascontiguousarray(batch) if scans else ink))
                advance(len(batch))
        return compare(_together(expected), _together(got), self.images)

    def speeds(self, reader: Reader) -> dict[str, float]:
        """Images a second of torch and of what was written, on the same cores."""
        if self.plan.settings.format in ("hub", "weights"):
            return {}  # the same network
        scans = np.ascontiguousarray(self.images.scans[:BATCH])
        ink = self.pictures(scans)
        reads_scans = self.plan.settings.preprocess

        def by_torch(engine: Engine) -> Callable[[], object]:
            read = torch_reader(self.ready, engine)
            return lambda: read(self.pictures(scans) if reads_scans else ink)

        readers = {"torch, fp32": by_torch(EXACT)}
        if (fast := fast_precision(CPU)) != "fp32":
            readers[f"torch, {fast}"] = by_torch(Engine(CPU, fast))
        readers[self.name] = partial(reader, scans if reads_scans else ink)
        return speeds(readers, len(scans))

    def record(
        self, folder: Path, comparison: Comparison, speed: dict[str, float]
    ) -> dict[str, Any]:
        """The value of export.json."""
        inside = sorted(path for path in folder.rglob("*") if path.is_file())
        return {
            "origin": self.plan.origin,
            "files": {path.relative_to(folder).as_posix(): path.stat().st_size for path in inside},
            "about": self.about(),
            "check": {
                "images": self.images.source,
                "outside_training": self.images.untrained,
                **comparison.as_json(),
            },
            "images_per_second": speed,
            "machine": f"{machine_name()}, {torch.get_num_threads()} threads",
            "commit": commit(ROOT),
            "versions": versions(),
        }


def _together(parts: list[Probabilities]) -> Probabilities:
    return PerHead(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _write_onnx(work: _Work, folder: Path) -> Reader:
    """graphemes.onnx, in one file."""
    size, crop = work.ready.image_size, work.ready.crop
    program = make_program(work.mean_reader(), picture_example(size))
    graph = convert(program, PICTURES, OUTPUTS)
    if work.plan.settings.dtype == "int8":
        say(f"calibrating on {len(work.images.calibration):,} images")
        graph = quantised(graph, work.calibration())
    if work.plan.settings.preprocess:
        scans = make_program(ScanToPicture(size, crop), scan_example())
        graph = joined(convert(scans, SCANS, [PICTURES]), graph)
    describe(graph, {"graphemes": json.dumps({**work.about(), "opset": OPSET})})
    save(graph, folder / GRAPH)
    return Session(folder / GRAPH)


def _write_program(work: _Work, folder: Path) -> Reader:
    """graphemes.pt2, which torch.export.load opens."""
    size, crop = work.ready.image_size, work.ready.crop
    reader, scans = work.mean_reader(), work.plan.settings.preprocess
    program = (
        make_program(ScanReader(reader, size, crop), scan_example())
        if scans
        else make_program(reader, picture_example(size))
    )
    return save_program(program, folder / PROGRAM, json.dumps(work.about()))


def _write_hub(work: _Work, folder: Path) -> Reader:
    """A hub's folder: model card, config.json, weights by the hub's names."""
    written = write_hub(folder, work.ready, work.plan.weights, work.about(), half=work.halves)
    return torch_reader(load_networks(written, EXACT), EXACT)


def _write_weights(work: _Work, folder: Path) -> Reader:
    """weights.safetensors, one a fold."""
    written = write_weights(folder, work.ready, work.plan.weights, half=work.halves)
    return torch_reader(load_networks(written, EXACT), EXACT)


_WRITERS: dict[str, Callable[[_Work, Path], Reader]] = {
    "onnx": _write_onnx,
    "torch_export": _write_program,
    "hub": _write_hub,
    "weights": _write_weights,
}
