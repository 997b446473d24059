"""A fold is trained whole, or goes on so that nobody can tell that it was interrupted."""

import dataclasses
import itertools
import json
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from graphemes.evaluation.metrics import Score, score
from graphemes.foundation.errors import DataError, Stopped, UserError
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.foundation.layout import FoldPaths
from graphemes.foundation.seeds import stream
from graphemes.foundation.settings.groups import Learning
from graphemes.foundation.settings.types import ImageSize
from graphemes.network.devices import Engine
from graphemes.network.model import Logits
from graphemes.network.weights import TRAINED_ON, WeightsRecord, trained_on
from graphemes.training import fold, forecast, keeping, pauses
from graphemes.training.epoch import Batch, NotFinite
from graphemes.training.fold import train_fold
from graphemes.training.fold_job import FoldJob
from graphemes.training.forecast import Deadline
from graphemes.training.keeping import best_so_far

EPOCHS, STEPS, SIZE = 3, 4, 8
SEEDS = (5, 1)


MUONS = {"optimiser": "muon", "cycles": 2, "swa": 2, "schedule": "cosine"}


class Tiny(nn.Module):
    """The network's interface on a convolution; its first weights come from numpy's streams."""

    def __init__(self, seed: int = 0, dropout: float = 0.3) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 6, 3, stride=2)
        self.norm = nn.BatchNorm2d(6)
        self.drop = nn.Dropout(dropout)
        self.heads = nn.ModuleDict({head.name: nn.Linear(6, head.classes) for head in HEADS})
        random = stream(seed)
        with torch.no_grad():
            for parameter in self.parameters():
                drawn = random.normal(0, 0.3, parameter.shape)
                parameter.copy_(torch.from_numpy(drawn))

    def forward(self, ink: Tensor) -> Logits:
        features = functional.relu(self.norm(self.convolution(ink))).mean((2, 3))
        return Logits(HEADS.map(lambda head: self.heads[head.name](self.drop(features))))


class Deeper(Tiny):
    """With a hidden layer, which Muon is for."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.convolution = nn.Sequential(self.convolution, nn.Conv2d(6, 6, 3))


def batch(*place: int) -> Batch:
    random = stream(*place)
    labels = HEADS.map(lambda head: random.integers(min(head.classes, 4), size=SIZE))
    ink = random.random((SIZE, 1, 9, 9)) * (1 + labels.root[:, None, None, None]) / 4
    return torch.from_numpy(ink.astype(np.float32)), labels.map(torch.from_numpy)


def batches(epoch: int) -> Iterator[Batch]:
    return (batch(epoch, step) for step in range(STEPS))


@dataclasses.dataclass(frozen=True)
class Epochs:
    """The batches of all epochs; `make` may be another's."""

    make: Callable[[int], Iterator[Batch]] = batches
    images: int = STEPS * SIZE
    steps: int = STEPS

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        return itertools.islice(self.make(number), start, None)

    def ids(self, epoch: int, batch: int) -> list[str]:
        return [f"Train_{epoch}_{batch}_{place}" for place in range(SIZE)]


VALIDATION = batch(1000)


def validate(network: nn.Module) -> Score:
    network.eval()
    with torch.no_grad():
        logits = network(VALIDATION[0])
    guess = logits.heads.map(lambda head: head.argmax(1).numpy())
    return score(VALIDATION[1].map(Tensor.numpy), guess)


def scoring(*values: float) -> Callable[[nn.Module], Score]:
    """A validation that gives these scores, one an epoch."""
    left = iter(values)

    def told(_network: nn.Module) -> Score:
        value = next(left)
        return Score(value, PerHead(value, value, value), 8, PerHead((), (), ()))

    return told


@pytest.fixture
def job(tmp_path) -> FoldJob:
    return job_in(tmp_path / "fold1")


def job_in(directory: Path, **values: object) -> FoldJob:
    record = WeightsRecord(
        settings={"trunk": "tiny"},
        fold="1",
        epoch=0,
        score=None,
        digests={"data": "d"},
        versions={},
        demo=True,
        classes=[168, 11, 7],
    )
    paths = FoldPaths(directory)
    paths.state.mkdir(parents=True, exist_ok=True)
    return FoldJob(
        paths=paths,
        seeds=SEEDS,
        settings=Learning(
            **{"epochs": EPOCHS, "batch_size": SIZE, "lr": 0.02, "ema": 0.9, **values}
        ),
        engine=Engine(torch.device("cpu"), "fp32"),
        batches=Epochs(),
        validate=validate,
        record=record,
        trained_on=np.array([3, 1, 2]),
        deadline=Deadline(),
    )


def pressed(job: FoldJob) -> FoldJob:
    """The same job with time for one epoch."""
    deadline = Deadline(time.monotonic() + 3600)

    def epoch(number: int) -> Iterator[Batch]:
        yield from batches(number)
        deadline.at = time.monotonic()

    return dataclasses.replace(job, deadline=deadline, batches=Epochs(epoch))


def weights(place: FoldPaths) -> dict[str, Tensor]:
    return load_file(place.weights)


def same(first: FoldPaths, second: FoldPaths) -> bool:
    """Whether two folds are alike to the last bit: best weights, last state, log but for times."""
    kept = [weights(place) for place in (first, second)]
    states = [torch.load(place.state / "last.pt", weights_only=True) for place in (first, second)]
    parts = ("network", "average", "snapshots")
    last = [
        {(part, name): tensor for part in parts for name, tensor in state.get(part, {}).items()}
        for state in states
    ]
    logs = [[untimed(entry) for entry in read_log(place)] for place in (first, second)]
    return logs[0] == logs[1] and all(
        left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)
        for left, right in (kept, last)
    )


def read_log(place: FoldPaths) -> list[dict]:
    return [json.loads(line) for line in place.log.read_text().splitlines()]


def untimed(entry: dict) -> dict:
    return {key: value for key, value in entry.items() if "second" not in key}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> FoldPaths:
    """A fold that nothing interrupted."""
    job = job_in(tmp_path_factory.mktemp("whole") / "fold1")
    train_fold(job, Tiny())
    return job.paths


def test_a_fold_is_trained_to_its_end(job, capsys):
    done = train_fold(job, Tiny())
    said = capsys.readouterr().out.splitlines()
    assert (done.epochs, done.image_passes) == (EPOCHS, EPOCHS * STEPS * SIZE)
    assert done.train_seconds > 0
    assert done.best_score == max(entry["score"] for entry in done.log)
    assert [entry["score"] for entry in done.log][done.best_epoch - 1] == done.best_score
    assert cv2.imread(str(job.paths.curves)) is not None
    assert len(said) == EPOCHS
    assert said[0].startswith("fold 1 epoch 1/3: loss ")
    assert said[0].endswith(" left")
    assert "left" not in said[-1]
    assert [path.name for path in job.paths.directory.rglob("*.tmp")] == []


def test_a_forecast_comes_before_the_first_epochs_end_and_changes_nothing(
    job, whole, capsys, monkeypatch
):
    for name, value in (("WARM", 1), ("BATCHES", 2), ("SECONDS", 0.0)):
        monkeypatch.setattr(forecast, name, value)
    train_fold(dataclasses.replace(job, to_come=1), Tiny())
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("fold 1: about ")
    assert " for 3 epochs, " in said[0]
    assert " with the 1 fold after it (from the first 3 batches, " in said[0]
    assert [line[:12] for line in said[1:]] == ["fold 1 epoch"] * EPOCHS
    assert same(job.paths, whole)


def test_the_log_has_a_line_an_epoch(whole):
    log = read_log(whole)
    assert [entry["epoch"] for entry in log] == [1, 2, 3]
    assert [entry["image_passes"] for entry in log] == [32, 64, 96]
    assert log[2]["lr"] < log[0]["lr"]
    for entry in log:
        assert entry["recall"].keys() == {"root", "vowel", "consonant"}
        mean = np.average(list(entry["recall"].values()), weights=[2, 1, 1])
        assert entry["score"] == pytest.approx(mean)
        assert entry["images_per_second"] > 0


def test_the_weights_say_what_they_are(whole):
    with safe_open(whole.weights, "pt") as file:
        record = json.loads(file.metadata()["graphemes"])
    log = read_log(whole)
    assert record["score"] == max(entry["score"] for entry in log)
    assert record["epoch"] == 1 + [entry["score"] for entry in log].index(record["score"])
    assert record["fold"] == "1"
    assert trained_on(whole.weights).tolist() == [1, 2, 3]


def test_the_kept_weights_are_the_mean_unless_it_is_off(tmp_path):
    for ema, part in ((0.9, "average"), (0.0, "network")):
        job = job_in(tmp_path / part)
        settings = job.settings.model_copy(update={"ema": ema})
        train_fold(dataclasses.replace(job, settings=settings, validate=None), Tiny())
        state = torch.load(job.paths.state / "last.pt", weights_only=True)[part]
        kept = weights(job.paths)
        prefix = "module." if part == "average" else ""
        assert len(kept) > 10
        for name, tensor in kept.items():
            if name != TRAINED_ON:
                assert torch.equal(tensor, state[prefix + name])
        other = state["module.norm.bias"] if ema else None
        if other is not None:
            trained = torch.load(job.paths.state / "last.pt", weights_only=True)["network"]
            assert not torch.equal(other, trained["norm.bias"])


def test_the_same_seeds_give_the_same_bits_and_others_do_not(job, whole, tmp_path):
    train_fold(dataclasses.replace(job, deadline=Deadline(time.monotonic() + 3600)), Tiny())
    assert same(job.paths, whole)
    other = dataclasses.replace(job_in(tmp_path / "other"), seeds=(6, 1))
    train_fold(other, Tiny())
    assert not same(other.paths, whole)


def test_a_deadline_stops_after_an_epoch_and_the_rest_is_exact(job, whole, capsys):
    for epoch in (1, 2):
        torch.rand(epoch)  # whoever draws between two commands makes no difference
        with pytest.raises(Stopped) as caught:
            train_fold(pressed(job), Tiny(seed=epoch - 1))
        assert str(caught.value) == (
            f"time_limit: fold 1 stopped after epoch {epoch} of 3;"
            " the same command goes on from there"
        )
        assert len(read_log(job.paths)) == epoch
        assert not job.paths.weights.exists()
        assert job.paths.curves.exists()
    capsys.readouterr()
    done = train_fold(pressed(job), Tiny(seed=3))
    said = capsys.readouterr().out.splitlines()
    assert done.epochs == EPOCHS
    assert said[0] == "fold 1: resumed after epoch 2 of 3"
    assert same(job.paths, whole)


def test_a_deadline_leaves_time_for_what_comes_afterwards(clock):
    assert not Deadline().over(1e9)
    assert not Deadline(clock.now + 100).over(99)
    assert Deadline(clock.now + 100).over(100)
    later = Deadline(clock.now + 100, afterwards=10)
    assert not later.over(99)  # nobody knows yet how long that takes
    later.note(30, 6)
    assert not later.over(49)
    assert later.over(50)


def test_a_fold_without_time_for_a_step_is_not_begun(job):
    with pytest.raises(Stopped, match="no time for a step of fold 1, so it was not begun"):
        train_fold(dataclasses.replace(job, deadline=Deadline(time.monotonic())), Tiny())
    assert not any(job.paths.state.iterdir())


class Steps(Deadline):
    """Time for so many steps; each look at it says how many seconds more are asked for."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps, self.asked = steps, []

    def note(self, seconds: float, pixels: float) -> None:
        super().note(seconds, pixels)
        self.steps -= 1

    def over(self, more: float = 0.0) -> bool:
        self.asked.append(more)
        return self.steps <= 0


@pytest.mark.parametrize(
    ("network", "values"), [(Tiny, {}), (Deeper, MUONS), (Tiny, {"mix": "cutmix", "ema": 0})]
)
def test_a_deadline_stops_after_any_step_and_the_rest_is_exact(tmp_path, network, values):
    """Dropout, mixing, means and all: nobody can tell from the weights, not by a bit."""
    straight = job_in(tmp_path / "straight", **values)
    train_fold(straight, network())
    for steps in (1, 3, STEPS):  # the last stops between an epoch's last step and its validation
        halting = job_in(tmp_path / f"halting{steps}", **values)
        for stop in range(EPOCHS * STEPS // steps):
            with pytest.raises(Stopped) as caught:
                train_fold(dataclasses.replace(halting, deadline=Steps(steps)), network(stop))
            epoch, step = divmod((stop + 1) * steps - 1, STEPS)
            assert str(caught.value) == (
                f"time_limit: fold 1 stopped in epoch {epoch + 1} of 3, after step {step + 1} of 4;"
                " the same command goes on from there"
            )
        done = train_fold(halting, network(99))
        assert done.image_passes == EPOCHS * STEPS * SIZE
        assert same(straight.paths, halting.paths)


def test_a_state_is_written_when_it_is_time(job, monkeypatch):
    """And at each epoch's end."""
    written: list[int] = []
    save = keeping.save_checkpoint

    def counted(path, learner, history, begun=None):
        written.append(history.epochs * STEPS + (begun.steps if begun else 0))
        save(path, learner, history, begun)

    monkeypatch.setattr(keeping, "save_checkpoint", counted)
    train_fold(dataclasses.replace(job, state_every=0.0), Tiny())
    assert written == [1, 2, 3, 4, 4, 5, 6, 7, 8, 8, 9, 10, 11, 12, 12]
    written.clear()
    other = job_in(job.paths.directory.with_name("other"))
    train_fold(other, Tiny())
    assert written == [4, 8, 12]


def test_a_killed_run_goes_on_from_its_last_state(job, whole, capsys):
    def killed(epoch: int) -> Iterator[Batch]:
        for step, each in enumerate(batches(epoch)):
            if (epoch, step) == (1, 3):
                raise SystemExit
            yield each

    often = dataclasses.replace(job, state_every=0.0, batches=Epochs(killed))
    with pytest.raises(SystemExit):
        train_fold(often, Tiny())
    train_fold(job, Tiny(seed=9))
    assert "fold 1: resumed in epoch 2 of 3, after step 3 of 4\n" in capsys.readouterr().out
    assert same(job.paths, whole)


def test_sigterm_stops_after_the_step(job, whole):
    def ended(epoch: int) -> Iterator[Batch]:
        for step, each in enumerate(batches(epoch)):
            if (epoch, step) == (1, 2):
                signal.raise_signal(signal.SIGTERM)
            yield each

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Stopped, match=r"^SIGTERM: fold 1 stopped in epoch 2 of 3, after step 3 of"):
        train_fold(dataclasses.replace(job, batches=Epochs(ended)), Tiny())
    assert signal.getsignal(signal.SIGTERM) is before
    train_fold(job, Tiny(seed=9))
    assert same(job.paths, whole)


def test_the_time_for_the_validation_is_counted_before_it(job):
    """At an epoch's last step; before, that of a step. A state takes time too."""
    deadline = Steps(99)
    judged = dataclasses.replace(job, deadline=deadline, validation_images=10**9)
    train_fold(judged, Tiny())
    looks = deadline.asked
    assert len(looks) == EPOCHS * (1 + STEPS)
    each = [looks[epoch * 5 : epoch * 5 + 5] for epoch in range(EPOCHS)]
    for start, *steps in each:
        assert start == 0.0
        assert steps[-1] > 1000 * max(steps[:-1])


@pytest.mark.parametrize("keep", [True, False])
def test_before_the_first_epochs_end_there_are_weights_if_they_are_asked_for(job, keep):
    stopping = dataclasses.replace(job, keep_any=keep, deadline=Steps(2))
    with pytest.raises(Stopped):
        train_fold(stopping, Tiny())
    found = best_so_far(job.paths)
    assert (found is not None) == keep
    if found is not None:
        average = torch.load(job.paths.checkpoint, weights_only=True)["average"]
        kept = load_file(found)
        assert torch.equal(kept["norm.bias"], average["module.norm.bias"])
    train_fold(job, Tiny())
    assert best_so_far(job.paths).name != "best-0.safetensors"
    assert len(list(job.paths.state.glob("best-*"))) == 1


def test_what_a_kill_left_between_two_files_is_mended(job, whole):
    with pytest.raises(Stopped):
        train_fold(pressed(job), Tiny())
    job.paths.log.write_text("")  # killed before the log
    (job.paths.state / "best-2.safetensors").write_text("killed before the checkpoint")
    train_fold(job, Tiny(seed=9))
    assert same(job.paths, whole)
    assert len(list(job.paths.state.glob("best-*"))) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, Stopped])
def test_an_interruption_loses_only_its_epoch(job, whole, error):
    def interrupted(epoch: int) -> Iterator[Batch]:
        for step, each in enumerate(batches(epoch)):
            if (epoch, step) == (1, 2):
                raise error
            yield each

    with pytest.raises(error):
        train_fold(dataclasses.replace(job, batches=Epochs(interrupted)), Tiny())
    assert len(read_log(job.paths)) == 1
    train_fold(job, Tiny(seed=9))
    assert same(job.paths, whole)


def test_an_interruption_in_validation_loses_only_its_epoch(job, whole):
    seen = []

    def interrupted(network: nn.Module) -> Score:
        seen.append(1)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return validate(network)

    with pytest.raises(KeyboardInterrupt):
        train_fold(dataclasses.replace(job, validate=interrupted), Tiny())
    train_fold(job, Tiny(seed=9))
    assert same(job.paths, whole)


def stopped_in_validation(job: FoldJob, number: int) -> FoldJob:
    """The same job; SIGTERM comes in its validation 1, 2, ..."""
    seen = []

    def asked(network: nn.Module) -> Score:
        seen.append(1)
        if len(seen) == number:
            raise Stopped("stopped")
        return validate(network)

    return dataclasses.replace(job, validate=asked, validation_images=SIZE)


def test_an_end_in_a_long_epochs_validation_loses_no_step(job, whole, capsys, monkeypatch):
    monkeypatch.setattr(pauses, "_BEFORE_VALIDATION", 0.0)  # as if the epoch had taken so long
    with pytest.raises(Stopped):
        train_fold(stopped_in_validation(job, 2), Tiny())
    capsys.readouterr()
    train_fold(job, Tiny(seed=9))
    assert "fold 1: resumed in epoch 2 of 3, after step 4 of 4\n" in capsys.readouterr().out
    assert same(job.paths, whole)


@pytest.mark.parametrize("keep", [False, True])
def test_weights_are_kept_in_the_first_validation_where_they_are_asked_for(job, whole, keep):
    halting = stopped_in_validation(dataclasses.replace(job, keep_any=keep), 1)
    with pytest.raises(Stopped):
        train_fold(halting, Tiny())
    assert (best_so_far(job.paths) is not None) is keep
    train_fold(job, Tiny())
    assert same(job.paths, whole)


@pytest.mark.parametrize("values", [MUONS, {"optimiser": "sgd", "swa": 3, "ema": 0}])
def test_each_optimiser_and_each_mean_goes_on_exactly(tmp_path, values):
    straight, halting = (job_in(tmp_path / name, **values) for name in ("straight", "halting"))
    done = train_fold(straight, Deeper())
    for seed in (0, 7):
        with pytest.raises(Stopped):
            train_fold(pressed(halting), Deeper(seed))
    assert train_fold(halting, Deeper(8)).swa == done.swa
    assert same(straight.paths, halting.paths)
    assert done.log[-1]["loss"] < done.log[0]["loss"]


def means(job: FoldJob, states: list[dict[str, Tensor]]) -> FoldJob:
    """The same job; its validations add what they are shown to `states`."""

    def seen(network: nn.Module) -> Score:
        states.append({name: t.clone() for name, t in network.state_dict().items()})
        assert job.validate is not None
        return job.validate(network)

    return dataclasses.replace(job, validate=seen)


@pytest.mark.parametrize(
    ("values", "taken"), [({"swa": 2}, (1, 2)), ({"swa": 2, "cycles": 2, "ema": 0}, (0, 2))]
)
def test_the_mean_of_the_last_epochs_is_kept_where_it_is_better(tmp_path, capsys, values, taken):
    job = job_in(tmp_path / "fold1", **values)
    states: list[dict[str, Tensor]] = []
    job = means(dataclasses.replace(job, validate=scoring(0.2, 0.6, 0.4, 0.7)), states)
    done = train_fold(job, Tiny())
    of = "cycles" if "cycles" in values else "epochs"
    said = capsys.readouterr().out.splitlines()[-1]
    assert said == f"fold 1 mean of the last 2 {of}: score 0.7000, kept"
    assert (done.best_epoch, done.best_score, len(states)) == (3, 0.7, 4)
    recall = {"root": 0.7, "vowel": 0.7, "consonant": 0.7}
    assert done.swa == {"kept": True, "score": 0.7, "recall": recall}
    assert read_log(job.paths)[-1]["swa"] == done.swa
    assert read_log(job.paths)[-1]["score"] == 0.4
    for name, tensor in weights(job.paths).items():
        if name != TRAINED_ON and tensor.is_floating_point():
            wanted = (states[taken[0]][name] + states[taken[1]][name]) / 2
            torch.testing.assert_close(tensor, wanted, msg=name)


def test_a_mean_that_is_no_better_is_not_kept(tmp_path, capsys):
    job = job_in(tmp_path / "fold1", swa=3)
    states: list[dict[str, Tensor]] = []
    job = means(dataclasses.replace(job, validate=scoring(0.2, 0.6, 0.4, 0.6)), states)
    done = train_fold(job, Tiny())
    assert (done.best_epoch, done.best_score, done.swa["kept"]) == (2, 0.6, False)
    assert capsys.readouterr().out.splitlines()[-1].endswith("score 0.6000, not kept")
    kept = weights(job.paths)
    assert all(torch.equal(kept[name], tensor) for name, tensor in states[1].items())


def test_without_validation_the_mean_is_kept(tmp_path):
    job = dataclasses.replace(job_in(tmp_path / "fold1", swa=2), validate=None)
    done = train_fold(job, Tiny())
    assert done.swa == {"kept": True}
    state = torch.load(job.paths.state / "last.pt", weights_only=True)["snapshots"]
    assert torch.equal(weights(job.paths)["norm.bias"], state["module.norm.bias"])
    assert state["n_averaged"] == 2


def test_patience_ends_a_training_that_gets_no_better(tmp_path, capsys):
    job = job_in(tmp_path / "fold1", patience=2, epochs=9)
    scored = dataclasses.replace(job, validate=scoring(0.2, 0.6, 0.6, 0.3))
    done = train_fold(scored, Tiny())
    assert (done.epochs, done.best_epoch, len(read_log(job.paths))) == (4, 2, 4)
    ended = "fold 1: no better score in 2 epochs, so it ends after epoch 4 of 9"
    assert capsys.readouterr().out.splitlines()[-1] == ended
    job.paths.weights.unlink()  # killed before its end
    again = train_fold(dataclasses.replace(job, validate=scoring()), Tiny(seed=9))
    assert again.epochs == 4
    assert job.paths.weights.exists()


def test_a_finished_state_is_not_trained_again(job, whole):
    train_fold(job, Tiny())
    job.paths.weights.unlink()

    def none(_epoch: int) -> Iterator[Batch]:
        raise AssertionError("there is nothing left to train")

    done = train_fold(dataclasses.replace(job, batches=Epochs(none)), Tiny(seed=9))
    assert done.epochs == EPOCHS
    assert same(job.paths, whole)


def test_the_best_epoch_is_kept_when_the_last_is_worse(job, tmp_path):
    done = train_fold(dataclasses.replace(job, validate=scoring(0.2, 0.6, 0.4)), Tiny())
    assert (done.best_epoch, done.best_score) == (2, 0.6)
    shorter = dataclasses.replace(job_in(tmp_path / "shorter"), validate=scoring(0.2, 0.6))
    for _ in range(2):
        with pytest.raises(Stopped):
            train_fold(pressed(shorter), Tiny())
    second = load_file(shorter.paths.state / "best-2.safetensors")
    assert all(torch.equal(second[name], tensor) for name, tensor in weights(job.paths).items())


def test_of_equal_epochs_the_first_is_kept(job):
    done = train_fold(dataclasses.replace(job, validate=scoring(0.5, 0.5, 0.5)), Tiny())
    assert (done.best_epoch, done.best_score) == (1, 0.5)


def test_without_validation_the_last_epoch_is_kept(job):
    done = train_fold(dataclasses.replace(job, validate=None), Tiny())
    assert (done.best_epoch, done.best_score) == (EPOCHS, None)
    assert not any("score" in entry for entry in read_log(job.paths))
    last = torch.load(job.paths.state / "last.pt", weights_only=True)["average"]
    assert torch.equal(weights(job.paths)["norm.bias"], last["module.norm.bias"])


def test_a_broken_loss_names_image_and_step_and_keeps_the_last_epoch(job, whole):
    def spoilt(epoch: int) -> Iterator[Batch]:
        for step, (ink, labels) in enumerate(batches(epoch)):
            if (epoch, step) == (1, 2):
                ink[5, 0, 3, 3] = float("nan")
            yield ink, labels

    said = "fold 1, the picture of Train_1_2_5, epoch 2, step 3: the loss is nan at learning rate"
    with pytest.raises(NotFinite, match=f"^{said}"):
        train_fold(dataclasses.replace(job, batches=Epochs(spoilt)), Tiny())
    train_fold(job, Tiny(seed=9))
    assert same(job.paths, whole)


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), MemoryError()],
)
@pytest.mark.parametrize("part", ["batches", "validate"])
def test_memory_that_ran_out_names_the_ways_to_need_less_and_keeps_the_last_epoch(
    job, whole, error, part
):
    def full(epoch: int) -> Iterator[Batch]:
        yield from batches(epoch)
        if epoch == 1:
            raise error

    calls = iter([True, False])

    def judge(network: nn.Module) -> Score:
        if next(calls):
            return validate(network)
        raise error

    tight = {"batches": Epochs(full)} if part == "batches" else {"validate": judge}
    with pytest.raises(UserError) as caught:
        train_fold(dataclasses.replace(job, **tight), Tiny())
    said = str(caught.value)
    assert said.startswith("fold 1, epoch 2: memory ran out on cpu at batch_size=")
    assert f"batch_size={SIZE // 2} accumulate=2 takes about half" in said
    assert "checkpointing=true" in said
    train_fold(job, Tiny(seed=9))
    assert same(job.paths, whole)


def test_a_batch_that_has_no_halves_is_offered_none(tmp_path):
    def full(_epoch: int) -> Iterator[Batch]:
        raise MemoryError
        yield

    job = dataclasses.replace(job_in(tmp_path, batch_size=2), batches=Epochs(full))
    with pytest.raises(UserError, match=r"memory ran out on cpu at batch_size=2 ") as caught:
        train_fold(job, Tiny())
    assert "accumulate" not in str(caught.value)


@pytest.mark.parametrize(
    ("fits", "told"),
    [
        (4, ["batch_size=4 accumulate=8 fits here for a step of as many images"]),
        (None, []),  # nor does half
    ],
)
def test_on_a_gpu_the_batch_that_fits_is_told(fits, told, tmp_path, monkeypatch):
    job = job_in(tmp_path, batch_size=16, accumulate=2, image_size="32", image_sizes="48,16")
    job = dataclasses.replace(job, engine=Engine(torch.device("cuda"), "fp16"))
    asked = []
    monkeypatch.setattr(fold, "fitting_batch", lambda *words: asked.append(words) or fits)
    learner = object()
    assert fold._smaller(job, learner) == told
    assert asked == [(learner, ImageSize(48, 48), 16)]


def test_another_fault_of_a_step_is_no_shortage_of_memory(job):
    def odd(_epoch: int) -> Iterator[Batch]:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
        yield

    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        train_fold(dataclasses.replace(job, batches=Epochs(odd)), Tiny())


@pytest.mark.parametrize("step", [0, STEPS - 1])
@pytest.mark.parametrize("every", [0.0, 600.0])
def test_a_state_that_is_removed_meanwhile_is_not_begun_anew_unnoticed(job, step, every):
    def removed(epoch: int) -> Iterator[Batch]:
        for number, one in enumerate(batches(epoch)):
            if (epoch, number) == (1, step):
                shutil.rmtree(job.paths.directory)
            yield one

    with pytest.raises(DataError, match=r"state: was removed while fold 1 was trained, so it can"):
        train_fold(dataclasses.replace(job, batches=Epochs(removed), state_every=every), Tiny())
    assert not job.paths.directory.exists()


def test_a_damaged_checkpoint_is_said(job):
    with pytest.raises(Stopped):
        train_fold(pressed(job), Tiny())
    checkpoint = job.paths.state / "last.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"last\.pt: can't go on from it .*; resume=false starts"):
        train_fold(job, Tiny())


GOLDEN = [3.6175, 2.9323, 2.1586, 1.7569, 1.4927, 1.4823]
GOLDEN_RATE = 0.03005


def test_the_loss_follows_its_golden_curve(tmp_path):
    """Pinned: loss, gradient, AdamW, schedule and clipping, each of which would bend it."""
    settings = Learning(
        epochs=6,
        batch_size=SIZE,
        lr=0.05,
        weight_decay=0.02,
        schedule="onecycle",
        warmup=0.15,
        clip=1.0,
    )
    job = dataclasses.replace(job_in(tmp_path / "fold1"), settings=settings, validate=None)
    done = train_fold(job, Tiny(dropout=0.0))
    losses = [entry["loss"] for entry in done.log]
    assert losses == pytest.approx(GOLDEN, rel=1e-3)
    assert done.log[2]["lr"] == pytest.approx(GOLDEN_RATE, rel=1e-3)
    assert losses[-1] < 0.6 * losses[0]
