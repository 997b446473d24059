"""run.json, the run record: what made a fold, and what it reached."""

import contextlib

from pydantic import ValidationError

from graphemes.foundation.errors import DataError
from graphemes.foundation.files import read_json
from graphemes.foundation.layout import Layout, numbered
from graphemes.foundation.settings.groups import Architecture

FIELDS = Architecture.model_fields


def _bare(one: Architecture) -> Architecture:
    """Without what only training does: the same network."""
    return one.model_copy(update={key: FIELDS[key].default for key in ("dropout", "drop_path")})


def known_scores(layout: Layout) -> dict[Architecture, str]:
    """The best finished fold of each network, of any run here: '0.866 (wide/fold0, 64x64)'."""
    best: dict[Architecture, tuple[float, str]] = {}
    root = layout.folds_csv.parent
    runs = [root, *sorted(path for path in root.glob("*") if path.is_dir())]
    for place in (place for run_ in runs for place in numbered(run_)):
        with contextlib.suppress(DataError, ValidationError, KeyError, TypeError, ValueError):
            said = read_json(place.run)
            settings = said["settings"]
            chosen = {key: settings[key] for key in FIELDS if key in settings}
            one, score = _bare(Architecture.model_validate(chosen)), float(said["best_score"])
            where = f"{place.directory.relative_to(root)}, {settings['image_size']}"
            where += "".join(f", {key}" for key in ("pretrained", "init") if settings.get(key))
            where += ", demo" if said["identity"]["demo"] else ""
            if score > best.get(one, (-1.0, ""))[0]:
                best[one] = score, f"{score:.3f} ({where})"
    return {one: text for one, (_, text) in best.items()}
