"""Finished networks in other programs' forms: written whole, held against torch."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from graphemes.evaluation.decision_files import rule_json
from graphemes.foundation.errors import NetworkError
from graphemes.foundation.files import replacing_folder, write_json
from graphemes.foundation.heads import PerHead, Probabilities
from graphemes.foundation.layout import DECISIONS, ROOT
from graphemes.foundation.machine import machine_name
from graphemes.foundation.places import need_space
from graphemes.foundation.progress import progress, say
from graphemes.foundation.settings.types import Tta
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
from graphemes.pipeline.export_plan import RECORD, ExportPlan
from graphemes.pipeline.export_texts import about_networks, check_lines
from graphemes.pipeline.hub_folder import write_hub, write_weights
from graphemes.pipeline.trained_networks import ReadyNetworks, load_networks
from graphemes.pipeline.workspace import Workspace, find_workspace

GRAPH, PROGRAM = "graphemes.onnx", "graphemes.pt2"
CLOSE = 1e-4  # the most that a probability in fp32 may differ from torch's on the same picture
CPU = torch.device("cpu")
EXACT = Engine(CPU, "fp32")


AddPage = Callable[[Path, ExportPlan, ReadyNetworks], None]


def export_networks(plan: ExportPlan, add_page: AddPage | None = None) -> None:
    """Write the networks, hold what was written against torch, and say how it went.

    add_page: of format=page, what puts the rest of it beside the graph.
    """
    settings = plan.settings
    workspace = find_workspace(settings)
    # A page answers after each stroke, on whatever there is: several views would take too long.
    tta: Tta | None = "none" if settings.format == "page" else None
    ready = load_networks(plan.weights, EXACT, tta=tta)
    quantises = settings.dtype == "int8"
    images = find_check_images(workspace, plan.weights, settings.images, needed=quantises)
    work = _Work(plan, ready, images, workspace)
    # Weights, with timm's trunk beside them, and for a moment what is quantised.
    most = 3 * sum(path.stat().st_size for path in plan.weights) + 20_000_000
    need_space(plan.out, most, "this export", "out")
    say(f"{plan.out}: {settings.format}, {settings.dtype}, of {len(plan.weights)} network(s)")
    with replacing_folder(plan.out) as folder:
        reader = _WRITERS[settings.format](work, folder)
        if add_page is not None:
            add_page(folder, plan, ready)
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
        return self.plan.settings.dtype == "fp32" and not self.plan.settings.reads_scans

    @property
    def halves(self) -> bool:
        """Whether weights become float16."""
        return self.plan.settings.dtype == "fp16"

    @property
    def name(self) -> str:
        """Of what was written, for people."""
        inside = ", scans" if self.plan.settings.reads_scans else ""
        return f"{self.plan.settings.format}, {self.plan.settings.dtype}{inside}"

    def about(self) -> dict[str, Any]:
        """What a file says of itself: classes, settings, where it comes from."""
        settings = self.plan.settings
        about = about_networks(
            self.ready, self.plan.weights, dtype=settings.dtype, preprocess=settings.reads_scans
        )
        return {**about, "decision": rule_json(self.plan.chosen.rule)}

    def mean_reader(self) -> MeanReader:
        """The networks as one module."""
        return MeanReader(self.ready.networks, half=self.halves, tta=self.ready.tta)

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
        scans = self.plan.settings.reads_scans
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
        reads_scans = self.plan.settings.reads_scans

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
    if work.plan.settings.reads_scans:
        scans = make_program(ScanToPicture(size, crop), scan_example())
        shown = work.plan.settings.format == "page"
        graph = joined(convert(scans, SCANS, [PICTURES]), graph, shown=shown)
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
    _copy_decisions(work, folder)
    return torch_reader(load_networks(written, EXACT), EXACT)


def _write_weights(work: _Work, folder: Path) -> Reader:
    """weights.safetensors, one a fold."""
    written = write_weights(folder, work.ready, work.plan.weights, half=work.halves)
    _copy_decisions(work, folder)
    return torch_reader(load_networks(written, EXACT), EXACT)


def _copy_decisions(work: _Work, folder: Path) -> None:
    """decisions.json, where there is one: what loads these weights finds it there."""
    if work.plan.chosen.file is not None:
        shutil.copyfile(work.plan.chosen.file, folder / DECISIONS)


_WRITERS: dict[str, Callable[[_Work, Path], Reader]] = {
    "onnx": _write_onnx,
    "torch_export": _write_program,
    "hub": _write_hub,
    "weights": _write_weights,
    "page": _write_onnx,
}
