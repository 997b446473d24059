"""export: finished folds or weights as an ONNX graph, a torch program, a hub's folder, a page."""

from graphemes.foundation.settings.exports import ExportSettings
from graphemes.pipeline.export_plan import plan_export
from graphemes.pipeline.exporting import export_networks
from graphemes.pipeline.workspace import find_layout
from graphemes.serve.static_page import StaticPage


def run(settings: ExportSettings) -> None:
    """Write the networks in the form that is asked for, unless they are there already."""
    plan = plan_export(settings)
    if plan.kept:
        return
    if settings.format == "page":
        page = StaticPage(settings.runtime, find_layout(settings).cache)
        export_networks(plan, page.add)
    else:
        export_networks(plan)
