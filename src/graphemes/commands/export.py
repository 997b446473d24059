"""export: finished folds or weights as an ONNX graph, a torch program, a hub's folder, a file."""

from graphemes.foundation.settings.exports import ExportSettings
from graphemes.pipeline.export_plan import plan_export
from graphemes.pipeline.exporting import export_networks


def run(settings: ExportSettings) -> None:
    """Write the networks in the form that is asked for, unless they are there already."""
    plan = plan_export(settings)
    if not plan.kept:
        export_networks(plan)
