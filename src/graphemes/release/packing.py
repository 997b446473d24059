"""A pack written: a folder to upload to Kaggle, whole or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from graphemes.foundation.files import (
    file_digest,
    locked,
    replacing_folder,
    stale_temporaries,
    write_json,
)
from graphemes.foundation.layout import DECISIONS, ROOT
from graphemes.foundation.places import gigabytes
from graphemes.foundation.progress import say
from graphemes.foundation.versions import commit
from graphemes.pipeline.workspace import COMPETITION
from graphemes.release.ensemble_file import ENSEMBLE, write_ensemble
from graphemes.release.notebook_files import NAMES, built
from graphemes.release.pack_plan import MANIFEST, PackPlan, stands_there
from graphemes.release.wheel import build_wheel

DESCRIPTION = (
    "The package graphemes (MIT licence; its fonts: SIL Open Font License) as a wheel, and weights"
    f" of networks trained on the competition {COMPETITION}."
)
UNNAMED = "INSERT_USERNAME"  # as Kaggle's own client has it


def write_pack(plan: PackPlan) -> None:
    """Write the folder unless it is there, and say what to do with it."""
    if plan.kept:
        _say_kept(plan)
        return
    with _locked(plan.out):
        # Another may have packed here since the plan was made.
        if stands_there(plan.out, plan.identity, overwrite=plan.overwrite):
            _say_kept(plan)
        else:
            _write(plan)


def _say_kept(plan: PackPlan) -> None:
    say(f"{plan.out}: packed with these weights and sources: kept")


def _write(plan: PackPlan) -> None:
    with replacing_folder(plan.out) as folder:
        wheel = build_wheel(folder)
        for name, sources in plan.folders.items():
            target = folder / "weights" / name
            target.mkdir(parents=True)
            shutil.copyfile(sources[0], target / "weights.safetensors")
            for record in sources[1:]:
                shutil.copyfile(record, target / record.name)
        if plan.decisions is not None:
            shutil.copyfile(plan.decisions, folder / "weights" / DECISIONS)
        if plan.shares:
            write_ensemble(folder / "weights" / ENSEMBLE, plan.shares)
        write_json(folder / "dataset-metadata.json", dataset_metadata(plan))
        for name in NAMES:
            (folder / name).mkdir()
            shutil.copyfile(built(name), folder / name / built(name).name)
            write_json(folder / name / "kernel-metadata.json", kernel_metadata(plan, name))
        written = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        files = {path.relative_to(folder).as_posix(): file_digest(path) for path in written}
        total = gigabytes(sum(path.stat().st_size for path in written))
        about = {"identity": plan.identity, "commit": commit(ROOT), "files": files}
        write_json(folder / MANIFEST, about)
    what = f"{len(plan.folders)} fold(s)" if plan.folders else "no weights: to train there"
    if plan.shares:
        what += f" of {len(plan.shares)} runs, which are averaged"
    say(f"{plan.out}: {total}, {wheel.name} and {what}")
    if plan.user == UNNAMED:
        say(f"{UNNAMED} stands for your name on Kaggle: pack again with user=NAME overwrite=true")
    say(f"upload it: kaggle datasets create -p {plan.out} -r zip -t")


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Hold the lock of a pack's place; what runs that were killed left there goes."""
    with locked(out.with_name(f".{out.name}.lock")):
        for left in stale_temporaries(out):
            shutil.rmtree(left)
        yield


def dataset_metadata(plan: PackPlan) -> dict[str, Any]:
    """dataset-metadata.json, as Kaggle's client reads it."""
    return {
        "title": _title(plan.slug),
        "id": f"{plan.user}/{plan.slug}",
        "licenses": [{"name": "other"}],  # which Kaggle's list lacks MIT for
        "description": DESCRIPTION,
    }


def kernel_metadata(plan: PackPlan, name: str) -> dict[str, Any]:
    """kernel-metadata.json of a notebook: its title must make its address."""
    return {
        "id": f"{plan.user}/{plan.slug}-{name}",
        "title": _title(f"{plan.slug}-{name}"),
        "code_file": built(name).name,
        "language": "python",
        "kernel_type": "notebook",
        "is_private": True,
        "enable_gpu": True,
        "enable_internet": False,
        "machine_shape": "NvidiaTeslaT4",  # a P100 isn't served by Kaggle's torch
        "dataset_sources": [f"{plan.user}/{plan.slug}"],
        "competition_sources": [COMPETITION],
        "kernel_sources": [],
        "model_sources": [],
    }


def _title(slug: str) -> str:
    return slug.replace("-", " ").capitalize()
