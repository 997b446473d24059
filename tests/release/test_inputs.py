"""What is attached is found by looking, and what is missing or there twice is said."""

import resource
import shutil
import signal
import tempfile
from pathlib import Path

import numpy as np
import pytest

from graphemes.foundation.errors import DataError, UserError
from graphemes.foundation.files import write_json
from graphemes.foundation.layout import Layout
from graphemes.foundation.settings.commands import PredictSettings
from graphemes.foundation.settings.words import read_words
from graphemes.network.weights import save_weights
from graphemes.pipeline.run_shares import run_shares
from graphemes.release import inputs
from graphemes.release.ensemble_file import write_ensemble
from worlds import identity_of, weights_record


@pytest.fixture
def attached(tmp_path) -> Path:
    """/kaggle/input with the competition's names where Kaggle puts them, and nothing else."""
    place = tmp_path / "input" / "competitions" / "bengaliai-cv19"
    place.mkdir(parents=True)
    for name in ("sample_submission.csv", "test.csv", "test_image_data_0.parquet"):
        (place / name).touch()
    return tmp_path / "input"


def finished_fold(place: Path, *, demo: bool = False, seed: int = 0, **settings: object) -> Path:
    """A fold by its folder's name, whose weights hold nothing but their record."""
    place.mkdir(parents=True)
    learned = {"trunk": "resnet18", "seed": seed, **settings}
    record = weights_record(learned, place.name.removeprefix("fold"), demo=demo)
    write_json(place / "run.json", {"identity": identity_of(record)})
    weights = place / "weights.safetensors"
    save_weights(weights, {}, record, np.zeros(1, np.int64))
    return weights


def test_the_competition_is_found_by_its_files(attached):
    place = attached / "competitions" / "bengaliai-cv19"
    assert inputs.find_competition(attached) == place
    shutil.copytree(place, attached / "copy")
    assert inputs.find_competition(attached) == place  # Kaggle's own place comes first
    place.rename(attached / "another")
    with pytest.raises(DataError, match=r"there twice .*; detach one"):
        inputs.find_competition(attached)


def test_what_is_linked_to_is_found_once(attached):
    (attached / "bengaliai-cv19").symlink_to(attached / "competitions" / "bengaliai-cv19")
    assert inputs.find_competition(attached) == attached / "bengaliai-cv19"
    elsewhere = attached.with_name("mounted")
    weights = finished_fold(elsewhere / "fold0")
    (attached / "datasets").symlink_to(elsewhere)
    (attached / "datasets-again").symlink_to(elsewhere)
    found = inputs.find_weights_files(attached)
    assert [path.resolve() for path in found] == [weights]


def test_a_competition_that_is_not_attached_is_asked_for(tmp_path):
    (tmp_path / "sample_submission.csv").touch()  # another's
    with pytest.raises(DataError, match="Add Input, Competitions, bengaliai-cv19"):
        inputs.find_competition(tmp_path)


def test_weights_are_found_once_each_and_unfinished_folds_left_out(tmp_path, capsys):
    one = finished_fold(tmp_path / "datasets" / "me" / "pack" / "weights" / "fold0")
    finished_fold(tmp_path / "notebooks" / "out" / "folds" / "fold0")  # the same bytes
    two = finished_fold(tmp_path / "notebooks" / "out" / "folds" / "fold1")
    begun = tmp_path / "notebooks" / "out" / "folds" / "fold2"
    (begun / "state").mkdir(parents=True)
    (begun / "state" / "identity.json").write_text("{}")
    (begun / "weights.safetensors").write_text("half")
    assert inputs.find_weights_files(tmp_path) == [one, two]
    ended = two.parent / "state"  # of a training that was killed as it cleared up
    ended.mkdir()
    (ended / "identity.json").write_text("{}")
    assert inputs.find_weights_files(tmp_path) == [one, two]
    assert f"{begun}: isn't finished, so left out" in capsys.readouterr().out


def test_no_weights_or_others_are_told(tmp_path):
    with pytest.raises(DataError, match=r"no weights.safetensors of a finished fold; attach"):
        inputs.find_weights_files(tmp_path)
    (tmp_path / "resnet.pth").touch()
    with pytest.raises(DataError, match=r"\(found .*resnet.pth, which isn't one\)"):
        inputs.find_weights_files(tmp_path)


@pytest.mark.parametrize(
    ("fold", "settings", "sentence"),
    [
        ("fold1", {"epochs": 40}, "epochs is 40, there None"),
        ("fold1", {"seed": 7}, "seed is 7, there 0"),
        ("fold0", {"seed": 7}, "seed is 7, there 0"),
    ],
)
def test_weights_of_two_runs_are_refused_by_both_their_names(fold, settings, sentence, tmp_path):
    one = finished_fold(tmp_path / "one" / "fold0")
    two = finished_fold(tmp_path / "two" / fold, **settings)
    with pytest.raises(DataError) as refused:
        inputs.find_weights_files(tmp_path)
    assert f"{two}: isn't of the run of {one} ({sentence})" in str(refused.value)


def test_two_files_of_one_fold_are_refused(tmp_path):
    one = finished_fold(tmp_path / "one" / "fold0")
    two = finished_fold(tmp_path / "two" / "fold0")
    two.write_bytes(two.read_bytes().replace(b'epoch\\": 1', b'epoch\\": 2'))
    with pytest.raises(DataError) as refused:
        inputs.find_weights_files(tmp_path)
    assert f"{two}: is fold 0, as {one} is" in str(refused.value)


def test_weights_of_the_demo_are_refused(tmp_path):
    finished_fold(tmp_path / "fold0", demo=True)
    with pytest.raises(DataError, match="has learned the demo's drawings, not handwriting"):
        inputs.find_weights_files(tmp_path)


@pytest.fixture
def averaged(tmp_path, monkeypatch) -> Path:
    """A pack's weights of the runs a and b and of the one without a name, as it is attached."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    place = tmp_path / "input" / "datasets" / "me" / "pack" / "weights"
    for seed, name in enumerate(("a", "b", ".")):
        finished_fold(place / name / "fold0", seed=seed)
    (place / "decisions.json").write_text("{}")
    write_ensemble(place / "ensemble.json", {"-": 0.5, "a": 0.3, "b": 0.2})
    return place


def test_runs_that_are_averaged_are_put_where_predict_looks(averaged, tmp_path):
    found = inputs.find_networks(tmp_path / "input")
    assert list(found.weights) == ["-", "a", "b"]
    assert [path.resolve() for path in found.files] == [
        averaged / name / "fold0" / "weights.safetensors" for name in (".", "a", "b")
    ]
    assert found.shares == [0.5, 0.3, 0.2]
    work = found.words.pop("work_dir")
    assert found.words == {"runs": "-,a,b", "shares": "0.5,0.3,0.2"}
    settings = read_words(PredictSettings, [f"{key}={word}" for key, word in found.words.items()])
    layout = Layout(Path(work))
    assert layout.ensemble_decisions(settings.runs).read_text() == "{}"
    assert [run.share for run in run_shares(layout, settings)] == [0.5, 0.3, 0.2]
    shutil.rmtree(work)
    assert (averaged / "a" / "fold0" / "run.json").exists()  # links went, not what they lead to


def test_weights_of_one_run_are_named_to_predict(tmp_path):
    one = finished_fold(tmp_path / "weights" / "fold0")
    found = inputs.find_networks(tmp_path)
    assert found.words == {"weights": str(one)}
    assert (found.folds, found.shares) == ({"": [one.parent]}, [1.0])


def test_nothing_is_averaged_with_more_than_the_pack_says(averaged, tmp_path):
    beside = finished_fold(tmp_path / "input" / "more" / "fold0", seed=9)
    with pytest.raises(DataError, match=f"{beside}: is attached beside .*; detach one of them"):
        inputs.find_networks(tmp_path / "input")
    shutil.rmtree(beside.parents[1])
    shutil.copytree(averaged, tmp_path / "input" / "more")  # the same twice is one
    assert inputs.find_networks(tmp_path / "input").shares == [0.5, 0.3, 0.2]
    write_ensemble(tmp_path / "input" / "more" / "ensemble.json", {"a": 0.5, "b": 0.5})
    with pytest.raises(DataError, match=r"ensemble.json: is attached beside .*; detach one of"):
        inputs.find_networks(tmp_path / "input")


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ([], "expected the words runs and shares"),
        ({"runs": "a,b"}, "expected the words runs and shares"),
        ({"runs": "a,b", "shares": 0.5}, "expected the words runs and shares"),
        ({"runs": "../a,b", "shares": "0.5,0.5"}, "'../a,b', expected two or more runs"),
        ({"runs": "a,b", "shares": "0.5,0.6"}, "expected a sum of 1"),
        ({"runs": "a,b", "shares": "equal"}, "expected a share for each run"),
        ({"runs": "a,c", "shares": "0.5,0.5"}, "runs=c: "),
    ],
)
def test_a_list_of_runs_that_says_no_such_thing_is_refused(said, sentence, averaged, tmp_path):
    write_json(averaged / "ensemble.json", said)
    with pytest.raises(DataError) as refused:
        inputs.find_networks(tmp_path / "input")
    assert sentence in str(refused.value)


def test_runs_of_the_demo_are_refused_in_an_ensemble_too(averaged, tmp_path):
    shutil.rmtree(averaged / "b")
    finished_fold(averaged / "b" / "fold0", demo=True)
    with pytest.raises(DataError, match="has learned the demo's drawings, not handwriting"):
        inputs.find_networks(tmp_path / "input")


def test_an_earlier_sessions_folds_are_copied_and_what_is_there_stays(tmp_path, capsys):
    earlier = tmp_path / "input" / "output" / "folds"
    finished_fold(earlier / "fold0")
    finished_fold(earlier / "wide" / "fold1")
    (earlier / "folds.csv").write_text("a,b\n")
    (earlier / "folds.csv").chmod(0o444)
    work = tmp_path / "working"
    new = finished_fold(work / "folds" / "fold0", seed=1).read_bytes()
    assert inputs.find_earlier_folds(tmp_path / "input") == earlier
    inputs.restore_folds(earlier, work)
    assert (work / "folds" / "fold0" / "weights.safetensors").read_bytes() == new
    assert (work / "folds" / "wide" / "fold1" / "run.json").is_file()
    (work / "folds" / "folds.csv").write_text("written again")  # though the input was read-only
    said = capsys.readouterr().out
    assert f"{work / 'folds' / 'wide' / 'fold1'}: finished" in said


def test_a_copy_that_was_cut_short_is_made_again(tmp_path):
    """As by a disk that is full: files may get no more than some bytes."""
    earlier, work = tmp_path / "earlier", tmp_path / "working"
    earlier.mkdir()
    (earlier / "weights.safetensors").write_bytes(bytes(100_000))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    former = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(UserError, match=r"safetensors: could not be written: File too large$"):
            inputs.restore_folds(earlier, work)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, former)
    assert [path.name for path in work.rglob("*")] == ["folds"]
    inputs.restore_folds(earlier, work)
    assert (work / "folds" / "weights.safetensors").stat().st_size == 100_000


def test_no_earlier_session_is_no_fault_and_two_are(tmp_path, capsys):
    assert inputs.find_earlier_folds(tmp_path) is None
    inputs.restore_folds(None, tmp_path)
    assert "starts afresh" in capsys.readouterr().out
    for name in ("one", "two"):
        (tmp_path / name / "folds").mkdir(parents=True)
        (tmp_path / name / "folds" / "folds.csv").touch()
    with pytest.raises(DataError, match="detach all but the last"):
        inputs.find_earlier_folds(tmp_path)
