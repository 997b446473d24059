"""The plan of a pack: which weights, where to, how large; every refusal before anything is written.

A pack of the same weights, sources and user is known by its pack.json and kept.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphemes.foundation.errors import PlaceTaken, UserError
from graphemes.foundation.files import file_digest, read_json
from graphemes.foundation.places import gigabytes, need_space, need_writable
from graphemes.foundation.progress import say
from graphemes.foundation.settings.groups import Places
from graphemes.foundation.settings.release import PackSettings
from graphemes.pipeline.workspace import find_layout
from graphemes.release.ensemble_file import ensemble_words
from graphemes.release.packed_weights import packed_weights
from graphemes.release.wheel import check_sources, sources_digest

MANIFEST = "pack.json"
IDENTITY = {"dataset", "sources", "weights"}  # its keys: by them a pack is known as one
# kaggle.com/docs/datasets, Technical Specifications: "200GB per dataset limit".
LARGEST = 200 * 10**9
ROOM = 10_000_000  # for the wheel (1 MB) and the notebooks
SLUG = 50  # characters of a data set's address and title, by Kaggle's client


@dataclass(frozen=True)
class PackPlan:
    """What goes into a pack, and where that goes."""

    out: Path
    slug: str  # of the data set; those of the notebooks begin with it
    user: str
    overwrite: bool  # whether another pack may go for it
    folders: dict[str, list[Path]]  # by the folder's path: weights first, then its records
    decisions: Path | None  # fitted decision rules, for the networks together
    shares: dict[str, float]  # of the runs that are averaged, by name; {} of one run
    identity: dict[str, Any]  # what makes it this pack
    kept: bool  # it stands there already

    @property
    def size(self) -> int:
        """Bytes of weights and records."""
        return sum(path.stat().st_size for files in self.folders.values() for path in files)


def plan_pack(settings: PackSettings) -> PackPlan:
    """The plan of the settings.

    Raises UserError: no checkout, no finished fold, an unfinished one, weights that can't be read
    or don't belong together, more than Kaggle takes, a place that holds something else.
    """
    check_sources()
    layout = find_layout(Places(work_dir=settings.work_dir, name=settings.name))
    chosen = packed_weights(settings, layout)
    folders = chosen.folders
    out = settings.out or layout.run_dir / "pack"
    slug = _slug(settings.name)
    identity = {
        "dataset": f"{settings.user}/{slug}",
        "sources": sources_digest(),
        "weights": {name: file_digest(files[0]) for name, files in folders.items()},
    }
    if chosen.decisions is not None:
        identity["decisions"] = file_digest(chosen.decisions)
    if chosen.shares:
        identity["ensemble"] = ensemble_words(chosen.shares)
    kept = stands_there(out, identity, overwrite=settings.overwrite)
    plan = PackPlan(
        out=out,
        slug=slug,
        user=settings.user,
        overwrite=settings.overwrite,
        folders=folders,
        decisions=chosen.decisions,
        shares=chosen.shares,
        identity=identity,
        kept=kept,
    )
    if not kept:
        _check_size(plan)
    return plan


def _slug(name: str | None) -> str:
    """The end of the data set's address: small letters, digits and dashes."""
    words = re.sub(r"[^a-z0-9]+", "-", f"graphemes-{name or 'bengali'}".lower()).strip("-")
    longest = SLUG - len("-submit")
    if len(words) > longest:
        raise UserError(
            f"name={name}: makes {words}, {len(words)} characters; Kaggle takes {SLUG}, and -submit"
            " is added; choose a shorter name"
        )
    return words


def stands_there(out: Path, identity: dict[str, Any], *, overwrite: bool) -> bool:
    """Whether this very pack is at `out`. Raises PlaceTaken where something else is.

    Nobody's work goes for a pack's sake: of a pack only what it wrote is replaced, and only as it
    wrote it.
    """
    need_writable(out / MANIFEST)
    if not out.exists() or not any(out.iterdir()):
        return False
    kept = _read_manifest(out)
    if kept is None:
        raise PlaceTaken(
            f"{out}: holds {min(path.name for path in out.iterdir())}, which is no pack's;"
            " choose another folder with out=PATH"
        )
    missing = [name for name in kept.files if not (out / name).is_file()]
    edited = [
        name
        for name, summary in kept.files.items()
        if name not in missing and file_digest(out / name) != summary
    ]
    if kept.identity == identity and not missing and all(map(_is_users, edited)):
        if edited:
            say(f"{out}: {_named(edited)} edited since: kept so")
        return True
    if not overwrite:
        keys = dict.fromkeys([*identity, *kept.identity])
        differing = [key for key in keys if kept.identity.get(key) != identity.get(key)]
        differing += [f"{_named(missing)} (missing)"] if missing else []
        differing += [f"{_named(edited)} (edited)"] if edited else []
        raise PlaceTaken(
            f"{out}: a pack of other {' and '.join(differing)};"
            " overwrite=true replaces it, out=PATH keeps both"
        )
    _refuse_to_lose(out, edited, "edited since it was packed")
    strange = [
        name
        for path in sorted(out.rglob("*"))
        if path.is_symlink() or not path.is_dir()
        if (name := path.relative_to(out).as_posix()) not in kept.files and name != MANIFEST
    ]
    _refuse_to_lose(out, strange, "not of the pack")
    return False


@dataclass(frozen=True)
class _Manifest:
    """What a pack says of itself."""

    identity: dict[str, Any]
    files: dict[str, str]  # their digests


def _read_manifest(out: Path) -> _Manifest | None:
    """The manifest in a folder; None where there is none of ours."""
    if not (out / MANIFEST).is_file():
        return None
    about = read_json(out / MANIFEST)
    if not isinstance(about, dict):
        return None
    identity, files = about.get("identity"), about.get("files")
    if not isinstance(identity, dict) or not isinstance(files, dict):
        return None
    if set(identity) - {"decisions", "ensemble"} != IDENTITY:  # not every pack has these
        return None
    return _Manifest(identity, files)


def _is_users(name: str) -> bool:
    """Whether a file of a pack is for the user to change."""
    return name.endswith((".ipynb", "-metadata.json"))


def _refuse_to_lose(out: Path, names: Sequence[str], what: str) -> None:
    """Raise PlaceTaken that names files which a new pack would remove."""
    if names:
        raise PlaceTaken(
            f"{out}: {_named(names)}: {what}, and a new pack would remove it; copy it elsewhere and"
            " delete it here, or choose another folder with out=PATH"
        )


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _check_size(plan: PackPlan) -> None:
    if plan.size > LARGEST:
        raise UserError(
            f"{plan.out}: {gigabytes(plan.size)} of weights and records, and Kaggle takes"
            f" {gigabytes(LARGEST)} a data set; choose fewer folds with fold="
        )
    need_space(plan.out, plan.size + ROOM, "the pack", "place with out=PATH")
