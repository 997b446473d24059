"""Reports written: of one run or of several, with the pictures that can be had."""

import time
from collections.abc import Sequence
from pathlib import Path

from graphemes.foundation.errors import UserError, one_line
from graphemes.foundation.layout import ROOT
from graphemes.foundation.progress import say
from graphemes.foundation.settings.reports import ReportSettings
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
        _written(page, layout.comparison)
    else:
        _written(_page_of_run(materials[0], pictures, settings.device), layout.report)


def report_of_run(workspace: Workspace, data: TrainingData) -> None:
    """Write the report of a run that has just been trained, with the images it has open.

    What keeps it from being written is said and no more: the run's results are all there.
    """
    try:
        page = _page_of_run(gather(workspace.layout), ScanPictures(data), workspace.device)
        _written(page, workspace.layout.report)
    except Exception as error:  # noqa: BLE001  # after hours of training no reason to fail
        say(f"no report: {one_line(error)} ({type(error).__name__})")


def _page_of_run(material: Material, pictures: ScanPictures | None, device: str) -> Page:
    content = run_content(material, pictures, device)
    return rendered("run.html", content, title=material.title, made=_made())


def _written(page: Page, path: Path) -> None:
    page.write(path)
    say(f"{path}: written, {page.bytes / 1e6:.1f} MB; open it in a browser")


def _made() -> str:
    known = commit(ROOT)
    by = f"graphemes {known[:7]}" if known else "graphemes"
    return f"{time.strftime('%Y-%m-%d %H:%M')}, {by}"


def _pictures(settings: ReportSettings, materials: Sequence[Material]) -> ScanPictures | None:
    """The images of the runs, if they are here and are those that the tables are of."""
    try:
        if find_data(settings) is None and not materials[0].demo:
            say("the report is without pictures: the run's images aren't here; give data_dir=")
            return None
        workspace = find_workspace(settings)
        workspace.draw_demo()
        data = open_training_data(workspace)
    except UserError as error:
        say(f"the report is without pictures: {error}")
        return None
    for material in materials:
        known = material.table.digests.get("data")
        if known is not None and known != data.store.digest:
            say(
                f"the report is without pictures: the tables of {material.title} are of other"
                f" images than those of {workspace.directory}; give data_dir="
            )
            return None
    return ScanPictures(data)
