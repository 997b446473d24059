"""report: a run, or several side by side, as one HTML page with pictures, to be looked at."""

from graphemes.foundation.settings.reports import ReportSettings
from graphemes.report.writing import write_report


def run(settings: ReportSettings) -> None:
    """Read what the folds left, find their images, write the page."""
    write_report(settings)
