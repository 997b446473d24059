"""The plan of a training run: every refusal before anything of a result is written.

What settings, tables and shards' footers tell comes first, and writes nothing at all. Then what is
derived from the data is made (the demo, drawings, the store); with its digests the places of the
results are looked at. The settings are filled once; a network is built once to plan, for its size
and to find out what it can't be, and once a fold.
"""

from dataclasses import dataclass

from graphemes.foundation.errors import DataError, SettingsError
from graphemes.foundation.layout import FoldPaths, Layout
from graphemes.foundation.places import need_space, need_writable
from graphemes.foundation.progress import counted, say
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.settings.recipes import Here, Images, apply_recipe
from graphemes.network.ranks import Ranks
from graphemes.network.sync_norm import need_plain_norms
from graphemes.network.trunks import need_sizes
from graphemes.pipeline.decisions import choose_rule, without_folds
from graphemes.pipeline.existing_results import (
    fold_status,
    guard_submission,
    kept_identity,
    submission_origin,
)
from graphemes.pipeline.fold_plan import FoldPlan, chosen_folds, plan_folds, unfolded
from graphemes.pipeline.fold_rows import excluded
from graphemes.pipeline.fold_training import FoldTraining, fold_network
from graphemes.pipeline.prediction import (
    NoTestImages,
    PredictionPlan,
    origin_of_tests,
    plan_prediction,
)
from graphemes.pipeline.pseudo_labels import (
    PseudoPlan,
    need_other_file,
    need_test_images,
    open_pseudo,
    plan_pseudo,
)
from graphemes.pipeline.run_images import run_images
from graphemes.pipeline.synthetic_data import (
    SyntheticPlan,
    open_synthetic,
    plan_synthetic,
)
from graphemes.pipeline.training_data import open_training_data
from graphemes.pipeline.workspace import Workspace
from graphemes.training.forecast import Deadline
from graphemes.training.muon import has_muon
from graphemes.training.optimisation import need_optimiser

RESNET34_BYTES = 4 * 21_400_000  # of its weights


@dataclass(frozen=True)
class RunPlan:
    """What a run will do, as far as is known without decoding an image."""

    workspace: Workspace
    settings: TrainSettings  # with the recipe's values
    folds: FoldPlan
    chosen: list[str]  # the folds to train, as they are named in paths
    prediction: PredictionPlan | None
    synthetic: SyntheticPlan | None
    pseudo: PseudoPlan | None
    weights_bytes: int


def of_these_ranks(settings: TrainSettings, ranks: Ranks) -> TrainSettings:
    """The settings with the number of processes. Raises SettingsError where they contradict it."""
    if "processes" in settings.model_fields_set and settings.processes != ranks.size:
        raise SettingsError(
            f"processes={settings.processes}: torchrun started {ranks.size} in all; leave it out"
        )
    if settings.sync_norm and ranks.size == 1:
        raise SettingsError(
            "sync_norm=true: there is one process; leave it out, or give processes="
        )
    return settings.with_values({"processes": ranks.size})


def plan_run(settings: TrainSettings, workspace: Workspace) -> RunPlan:
    """The plan of these settings. Raises UserError for whatever stands in its way."""
    submission = settings.submission or workspace.layout.submission
    need_other_file(settings, submission)
    synthetic, pseudo = plan_synthetic(settings, workspace), plan_pseudo(settings)
    images = run_images(settings, workspace, synthetic, len(pseudo.labels) if pseudo else 0)
    here = Here(workspace.demo, workspace.engine.device.type == "cuda", has_muon)
    settings = apply_recipe(settings, images, here)
    need_optimiser(settings)
    say(_passes(settings, images))
    weights = _weights_bytes(settings, workspace.layout)
    need_writable(submission)
    workspace.draw_demo()
    if pseudo is not None:
        need_test_images(pseudo, workspace)
        say(pseudo.told())
    excluded(settings.exclude, workspace.labels)
    prediction = _prediction(workspace)
    whole = settings.fold == "none"
    folds = unfolded(workspace.labels) if whole else plan_folds(settings, workspace)
    chosen = chosen_folds(settings, folds.table)
    return RunPlan(workspace, settings, folds, chosen, prediction, synthetic, pseudo, weights)


def _passes(settings: TrainSettings, images: Images) -> str:
    epochs, parts = counted(settings.epochs, "epoch"), settings.processes * settings.accumulate
    step = max(1, min(parts * settings.batch_size, images.epoch // parts * parts))
    whole = images.epoch // step * step  # what fills no step is left out of an epoch
    return (
        f"recipe {settings.recipe}: {settings.epochs * whole:,} image passes a fold"
        f" ({epochs} of {whole:,})"
    )


def _prediction(workspace: Workspace) -> PredictionPlan | None:
    """What there is to predict; None, with a word, where test images aren't there."""
    try:
        return plan_prediction(workspace.directory)
    except NoTestImages as error:
        say(f"no submission will be made: {error}")
        return None


def open_run(plan: RunPlan, deadline: Deadline) -> FoldTraining:
    """The run with its data, once nothing at the places of its results is in its way.

    Draws and decodes what isn't there yet; no result is written or removed. Raises UserError.
    """
    pseudo = open_pseudo(plan.pseudo, plan.workspace)
    data = open_training_data(plan.workspace, open_synthetic(plan.synthetic), pseudo)
    training = FoldTraining(plan.settings, plan.workspace, data, plan.folds.table, deadline)
    settings, layout = plan.settings, plan.workspace.layout
    asked, overwrite = training.identity, settings.overwrite
    statuses = [fold_status(layout.fold(f), asked, overwrite=overwrite) for f in plan.chosen]
    if settings.resume == "true" and set(statuses) == {"empty"}:
        raise SettingsError(
            f"resume=true: {layout.fold(plan.chosen[0]).directory} holds nothing to go on with;"
            " resume=auto begins where there is nothing"
        )
    if settings.fold == "none":  # of others the rules are fitted once they are trained
        weights = [layout.fold("none").weights]
        say(choose_rule(settings.decide, weights, [without_folds(asked)]).why)
    submission = settings.submission or layout.submission
    origin = {**submission_origin(asked), "decide": settings.decide, "decision": settings.decide}
    if plan.prediction is not None:
        origin |= origin_of_tests(plan.workspace, plan.prediction.shards)
    guard_submission(submission, origin, overwrite=overwrite)
    for fold in plan.chosen:
        training.rows(fold)
    need_space(layout.run_dir, training_bytes(plan, statuses.count("empty")), "training")
    return training


def need_same_run(training: FoldTraining) -> None:
    """Raise DataError where this process has found other data than the first one."""
    asked = training.workspace.ranks.of_first(lambda: training.identity)
    if found := training.identity.differences(asked, "in the first process"):
        rank = training.workspace.ranks.rank
        raise DataError(
            f"process {rank + 1} finds another run than the first ({'; '.join(found[:4])}); give"
            " all machines the same data_dir and a work_dir that they share"
        )


def training_bytes(plan: RunPlan, folds: int) -> int:
    """Bytes of disk that training so many of a plan's folds takes at most."""
    needed = folds_bytes(folds, plan.weights_bytes)
    if needed and plan.settings.swa:
        needed += 2 * plan.weights_bytes  # one more mean in each state
    return needed


def folds_bytes(folds: int, weights: int = RESNET34_BYTES) -> int:
    """Bytes of disk that training so many folds takes at most.

    While a fold is trained: best weights twice, and twice, as one takes the other's place, a state
    of weights, mean and two moments.
    """
    return (10 + folds) * weights if folds else 0


def _weights_bytes(settings: TrainSettings, layout: Layout) -> int:
    """Bytes of the network's weights; weights to begin with are read too, where a fold begins."""
    network = fold_network(settings, resumed=_all_begun(settings, layout))
    if settings.sync_norm:
        need_plain_norms(network)
    need_sizes(network.trunk, settings.image_sizes or ())
    return sum(tensor.nbytes for tensor in network.state_dict().values())


def _all_begun(settings: TrainSettings, layout: Layout) -> bool:
    """Whether each asked fold has what it resumes from, or is finished."""
    if settings.overwrite or settings.resume == "false":
        return False
    if settings.fold == "all":
        asked = layout.folds()
    else:
        names = ["none"] if settings.fold == "none" else settings.fold
        asked = [layout.fold(name) for name in names]
    return bool(asked) and all(map(_begun, asked))


def _begun(paths: FoldPaths) -> bool:
    kept, _ = kept_identity(paths)
    # What is the demo's may be about to give way.
    return paths.begun and kept is not None and not kept.demo
