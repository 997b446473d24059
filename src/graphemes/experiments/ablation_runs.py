"""The runs of an ablation: each refusal before the first of them, and which are trained already."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from graphemes.evaluation.winners import LEAST
from graphemes.foundation.errors import SettingsError, UserError
from graphemes.foundation.layout import FoldPaths, Layout
from graphemes.foundation.places import need_space
from graphemes.foundation.progress import silence
from graphemes.foundation.settings.commands import AblateSettings, TrainSettings
from graphemes.foundation.settings.recipes import Images
from graphemes.foundation.settings.variations import folder_name
from graphemes.foundation.settings.words import contradiction, expectation, faulty_key
from graphemes.pipeline.existing_results import clear_fold, fold_status, place_taken_error
from graphemes.pipeline.fold_plan import FoldPlan
from graphemes.pipeline.fold_rows import data_digests, rows_of_fold
from graphemes.pipeline.identity import RunIdentity, run_identity
from graphemes.pipeline.pseudo_labels import open_pseudo, plan_pseudo
from graphemes.pipeline.run_images import run_images
from graphemes.pipeline.run_plan import RunPlan, plan_run, training_bytes
from graphemes.pipeline.run_records import read_identity
from graphemes.pipeline.synthetic_data import open_synthetic, plan_synthetic
from graphemes.pipeline.training_data import open_training_data
from graphemes.pipeline.workspace import Workspace, find_workspace


@dataclass(frozen=True)
class Run:
    """One training of an ablation."""

    variation: str  # as it was written; "" for the baseline
    settings: TrainSettings  # whole, with its own seed and name
    layout: Layout
    folds: tuple[FoldPaths, ...]
    identity: RunIdentity

    @property
    def name(self) -> str:
        """Of its folder."""
        return str(self.settings.name)

    @property
    def finished(self) -> bool:
        """Whether all its folds have its record and a table; its weights may be gone."""
        return all(_ended(paths) and not self._is_others(paths) for paths in self.folds)

    @property
    def begun(self) -> bool:
        """Whether an earlier call has trained a part of it."""
        return any(
            paths.checkpoint.is_file() or (_ended(paths) and not self._is_others(paths))
            for paths in self.folds
        )

    @property
    def missing(self) -> TrainSettings:
        """The settings of a training of what isn't finished."""
        numbers = [paths.number for paths in self.folds if not _ended(paths)]
        return self.settings.model_copy(update={"fold": tuple(numbers)})

    def make_way(self) -> None:
        """Remove what isn't this run's at its places: that may go, or the plan had refused."""
        for paths in self.folds:
            if _ended(paths) and self._is_others(paths):
                clear_fold(paths)

    def _is_others(self, paths: FoldPaths) -> bool:
        """Whether what has ended there is of other settings or data."""
        return bool(read_identity(paths.run).differences(self.identity))

    @property
    def has_weights(self) -> bool:
        """Whether the weights of all its folds are there."""
        return all(paths.weights.is_file() for paths in self.folds)

    def drop_weights(self) -> None:
        """Remove the weights; record, log, curves and table stay."""
        for paths in self.folds:
            paths.weights.unlink(missing_ok=True)


@dataclass(frozen=True)
class Ablation:
    """All runs, seed by seed, the baseline first, and the folds that they share."""

    layout: Layout
    runs: list[Run]
    folds: FoldPlan


def plan_ablation(settings: AblateSettings) -> Ablation:
    """The runs that the settings ask for. Draws and decodes what isn't there; no result is written.

    Raises UserError for whatever stands in the way of any of them.
    """
    workspace = find_workspace(settings)
    plans = dict(_plans(settings, workspace))
    folds = plans[""].folds
    runs = [
        _run(variation, plan, seed, folds, settings)
        for seed in settings.chosen_seeds
        for variation, plan in plans.items()
    ]
    lacking = [0 if run.finished else len(run.folds) for run in runs]
    trained = sum(lacking) if settings.keep else max(lacking)
    bytes_ = max(training_bytes(plan, trained) for plan in plans.values())
    need_space(workspace.layout.run_dir, bytes_, "training")
    return Ablation(workspace.layout, runs, folds)


def _plans(settings: AblateSettings, workspace: Workspace) -> Iterator[tuple[str, RunPlan]]:
    """The plan of each variation, the baseline's first, which alone is heard."""
    seed = settings.chosen_seeds[0]
    before = {"": plan_run(_sized(settings, "", seed, workspace), workspace)}
    yield "", before[""]
    with silence():
        for variation in settings.vary or ():
            try:
                plan = plan_run(_sized(settings, variation, seed, workspace), workspace)
            except UserError as error:
                text = str(error)
                which = "" if text.startswith(variation) else f"{variation}: "
                raise UserError(f"vary: {which}{text}") from None
            _need_other(variation, plan, before)
            before[variation] = plan
            yield variation, plan


def _need_other(variation: str, plan: RunPlan, before: Mapping[str, RunPlan]) -> None:
    """Raise SettingsError where a variation is another one, or the baseline, written otherwise."""
    for other, known in before.items():
        if plan.settings.model_dump() == known.settings.model_dump():
            same = f"is {other} in other words" if other else "changes nothing of the baseline"
            raise SettingsError(f"vary: {variation} {same}; leave it out")


def _sized(
    settings: AblateSettings, variation: str, seed: int, workspace: Workspace
) -> TrainSettings:
    """A variation's settings, with the epochs that make as many passes as are asked for."""
    one = settings.varied(variation).model_copy(update={"seed": seed})
    if settings.passes is None:
        return one
    plan = plan_pseudo(one)
    pseudo = len(plan.labels) if plan else 0
    images = run_images(one, workspace, plan_synthetic(one, workspace), pseudo)
    epochs = images.epochs_within(settings.passes)
    if settings.passes < images.epoch:
        one = one.model_copy(update={"limit": _limit_within(settings.passes, one, images, pseudo)})
    try:
        return one.with_values({"epochs": epochs})
    except ValidationError as error:
        if faulty_key(error) is None:
            raise SettingsError(contradiction(error)) from None
        raise SettingsError(
            f"passes={settings.passes}: {epochs:,} epochs of {images.epoch:,} pictures, expected"
            f" {expectation(TrainSettings, 'epochs')}; give fewer"
        ) from None


def _limit_within(passes: int, settings: TrainSettings, images: Images, pseudo: int) -> int:
    """The limit that makes an epoch of so many passes. Raises SettingsError where none does.

    It cuts the validation rows too, where there are more, but neither drawings nor pseudo labels:
    with many of those few real images would be left, and of few a gain says nothing.
    """
    if settings.synthetic_share is not None and settings.synthetic_share.whole:
        raise SettingsError(
            f"passes={passes}: an epoch is all {images.epoch:,} synthetic images, which train"
            f" alone; expected {images.epoch} or more; give so many, or fewer synthetic images"
        )
    left, least = passes - pseudo, min(LEAST, pseudo)
    if left < least:
        raise SettingsError(
            f"passes={passes}: {pseudo:,} pseudo-labelled images in each epoch leave"
            f" {max(0, left):,} of train.csv to train on and to be judged by; expected"
            f" {pseudo + least} or more; give so many, or a higher pseudo_threshold"
        )
    return max(2, left)


def _run(
    variation: str, plan: RunPlan, seed: int, folds: FoldPlan, settings: AblateSettings
) -> Run:
    workspace = plan.workspace
    name = f"{settings.name or 'ablate'}-{folder_name(variation)}-{seed}"
    layout = Layout(workspace.layout.work_dir, name)
    own = plan.settings.model_copy(update={"seed": seed, "name": name})
    synthetic = plan_synthetic(own, dataclasses.replace(workspace, layout=layout))
    pseudo = open_pseudo(plan.pseudo, workspace)
    data = open_training_data(workspace, open_synthetic(synthetic), pseudo)
    for fold in plan.chosen:
        rows_of_fold(data, folds.table, fold, own, seed)
    digests = data_digests(data, folds.table)
    identity = run_identity(own, seed, digests, demo=workspace.demo)
    run = Run(variation, own, layout, tuple(layout.fold(fold) for fold in plan.chosen), identity)
    for paths in run.folds:
        _need_own_or_free(paths, identity, overwrite=settings.overwrite)
    return run


def _ended(paths: FoldPaths) -> bool:
    return paths.run.is_file() and paths.oof.is_file()


def _need_own_or_free(paths: FoldPaths, asked: RunIdentity, *, overwrite: bool) -> None:
    """Raise PlaceTaken where something else is that nobody allowed to replace."""
    if not _ended(paths):
        fold_status(paths, asked, overwrite=overwrite)
        return
    kept = read_identity(paths.run)
    found = kept.differences(asked)
    if found and not overwrite and not kept.demo:
        raise place_taken_error(paths.directory, found)
