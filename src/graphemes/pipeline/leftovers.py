"""What killed runs left in a work directory: half-written files, which nobody will go on with."""

from graphemes.foundation.files import remove_leftovers
from graphemes.foundation.layout import Layout


def clear_leftovers(layout: Layout) -> None:
    """Remove the temporaries of dead processes from all runs' folders; those in use stay."""
    places = {layout.cache, layout.folds_csv.parent, layout.submission.parent}
    for run in layout.runs():
        folds = [path for path in run.glob("fold*") if path.is_dir()]
        places |= {run, *folds, *(fold / "state" for fold in folds)}
    for ensemble in (layout.folds_csv.parent / "ensembles").glob("*"):
        places.add(ensemble)
    for place in places:
        remove_leftovers(place)
