"""Reports written: of one run or of several, with the pictures that can be had."""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from graphemes.competition.shards import find_shards
from graphemes.foundation.errors import DataError, UserError, one_line
from graphemes.foundation.layout import ROOT
from graphemes.foundation.progress import say
from graphemes.foundation.settings.reports import ReportSettings
from graphemes.foundation.settings.types import Wish
from graphemes.foundation.versions import commit
from graphemes.pipeline.run_shares import layout_of
from graphemes.pipeline.training_data import TrainingData, open_training_data
from graphemes.pipeline.workspace import Workspace, find_data, find_layout, find_workspace
from graphemes.report.material import Material, gather
from graphemes.report.page import Page, rendered
from graphemes.report.pictures import ScanPictures
from graphemes.report.run_page import run_content
from graphemes.report.runs_page import runs_content


def write_report(settings: ReportSettings) -> None:
    """Write the report that is asked for. Raises DataError where there is no finished fold."""
    layout = find_layout(settings)
    layouts = [layout_of(layout, name) for name in settings.runs] if settings.runs else [layout]
    materials = [gather(one) for one in layouts]
    pictures = _pictures(settings, materials)
    if settings.runs:
        title = f"{len(materials)} runs: {', '.join(one.title for one in materials)}"
        content = runs_content(materials, pictures)
        page = rendered("runs.html", content, title=title, made=_made())
        _written(page, layout.comparison, pictures)
    else:
        _written(_page_of_run(materials[0], pictures, settings.device), layout.report, pictures)


def report_of_run(workspace: Workspace, data: TrainingData) -> None:
    """Write the report of a run that has just been trained, with the images it has open.

    What keeps it from being written is said and no more: the run's results are all there.
    """
    try:
        pictures = ScanPictures(data)
        page = _page_of_run(gather(workspace.layout), pictures, workspace.device)
        _written(page, workspace.layout.report, pictures)
    except Exception as error:  # noqa: BLE001  # after hours of training no reason to fail
        say(f"no report: {one_line(error)} ({type(error).__name__})")


def _page_of_run(material: Material, pictures: ScanPictures | None, device: str) -> Page:
    content = run_content(material, pictures, device)
    return rendered("run.html", content, title=material.title, made=_made())


def _written(page: Page, path: Path, pictures: ScanPictures | None) -> None:
    page.write(path)
    without = "" if pictures else ", WITHOUT PICTURES"
    say(f"{path}: written, {page.bytes / 1e6:.1f} MB{without}; open it in a browser")


def _made() -> str:
    known = commit(ROOT)
    by = f"graphemes {known[:7]}" if known else "graphemes"
    return f"{time.strftime('%Y-%m-%d %H:%M')}, {by}"


def _pictures(settings: ReportSettings, materials: Sequence[Material]) -> ScanPictures | None:
    """The images of the runs, if they are here and are those that the tables are of."""
    reasons = []
    recorded = _as_trained(settings, materials[0])
    for asked in filter(None, (recorded, settings)):
        try:
            found = _scans(asked, materials)
        except UserError as error:
            reasons.append(str(error))
            continue
        if asked is recorded:
            say(f"the images are those of data_dir={asked.data_dir}, as the run's record says")
        return found
    say(f"WARNING: the report is without pictures: {reasons[0]}")
    return None


def _as_trained(settings: ReportSettings, material: Material) -> ReportSettings | None:
    """The settings with the record's data_dir, where none is given and that one is here.

    A record may come from anywhere: only a directory of this machine is taken, and one that has
    the competition's files. Whether they are the run's, `_scans` finds out.
    """
    record = material.records[0].settings
    value = record.get("data_dir") if isinstance(record, dict) else None
    if settings.data_dir is not None or not isinstance(value, str):
        return None
    with contextlib.suppress(OSError, ValueError, DataError):
        place = Path(value)
        if (place / "train.csv").is_file() and find_shards(place, "train"):
            changes: dict[str, Any] = {"data_dir": place}
            # A store is made anew for another value: none is turned that wasn't.
            if "invert" not in settings.model_fields_set and record.get("invert") in get_args(Wish):
                changes["invert"] = record["invert"]
            return settings.model_copy(update=changes)
    return None


def _scans(settings: ReportSettings, materials: Sequence[Material]) -> ScanPictures:
    """The images of the data that the settings name. Raises UserError where they aren't theirs."""
    if find_data(settings) is None and not materials[0].demo:
        raise DataError("the run's images aren't here; give data_dir=")
    workspace = find_workspace(settings)
    workspace.draw_demo()
    # By their names first: it may take minutes to decode images, and gigabytes.
    names = set(workspace.labels["image_id"])
    for material in materials:
        if not names.issuperset(material.table.image_ids):
            raise _other_images(material, workspace)
    data = open_training_data(workspace)
    for material in materials:
        known = material.table.digests.get("data")
        if known is not None and known != data.store.digest:
            raise _other_images(material, workspace)
    return ScanPictures(data)


def _other_images(material: Material, workspace: Workspace) -> DataError:
    return DataError(
        f"the tables of {material.title} are of other images than those of {workspace.directory};"
        " give data_dir="
    )
