"""A soak counts its runs, and tells of what fails and of what is left behind."""

import pytest

from graphemes.experiments import soak as soaking
from graphemes.experiments.soak import Outcome, random_words
from graphemes.foundation.errors import DataError, Stopped
from graphemes.foundation.files import read_json
from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.settings.studies import BenchSettings
from graphemes.foundation.settings.words import read_words


def test_each_number_has_settings_of_its_own_that_are_taken():
    drawn = [random_words(number) for number in range(40)] + [random_words(1155)]
    assert drawn[:40] == [random_words(number) for number in range(40)]
    assert len({tuple(words) for words in drawn}) == 41
    for words in drawn:
        settings = read_words(TrainSettings, words)
        assert settings.fold != "none" or settings.decide in {"auto", "argmax"}
    keys = {word.partition("=")[0] for words in drawn for word in words}
    assert keys > set(soaking.ALWAYS)
    assert len(keys & set(soaking.CHOICES)) > 30


def outcome(number: int, **changed: object) -> Outcome:
    known = {"seconds": 1.0, "fault": None, "memory": 1.0, "files": 9, "processes": 0, "shared": 2}
    return Outcome(number, ["epochs=2"], **{**known, "temporaries": 0, **changed})


def test_a_clean_one_is_quiet_and_written_down(tmp_path, capsys):
    soaking._conclude(tmp_path / "soak.json", [outcome(number) for number in range(8)])
    assert "soak: 8 runs in 8s, 0 failed" in capsys.readouterr().out
    assert read_json(tmp_path / "soak.json")["growth"]["memory"] == 0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"fault": "no such file"}, "run 7"),
        ({"memory": 1.5}, "memory grew"),
        ({"files": 12}, "files grew"),
        ({"processes": 1}, "processes grew"),
        ({"shared": 4}, "shared grew"),
        ({"temporaries": 1}, "half-written files grew"),
    ],
)
def test_what_fails_or_grows_is_told(tmp_path, changed, said):
    runs = [outcome(number) for number in range(6)] + [outcome(n, **changed) for n in (6, 7)]
    runs[6].fault = None
    with pytest.raises(soaking.UserError, match=f"^soak: {said}; "):
        soaking._conclude(tmp_path / "soak.json", runs)


def test_a_run_that_is_stopped_goes_on_and_what_it_raises_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(soaking, "random_words", lambda _number: ["epochs=2", "time_limit=1s"])
    seen: list[TrainSettings] = []

    def trained(settings: TrainSettings) -> None:
        seen.append(settings)
        if settings.time_limit:
            raise Stopped("in time")
        place = settings.work_dir / "submissions" / "submission.csv"
        place.parent.mkdir(parents=True)
        place.write_text("row_id,target")
        (place.parent / ".a.csv.7.tmp").touch()

    monkeypatch.setattr(soaking, "train_run", trained)
    work = tmp_path / "work"
    found = soaking._one(3, tmp_path, work)
    assert [settings.time_limit for settings in seen] == [1.0, None]
    assert (found.number, found.fault, found.temporaries) == (3, None, 1)
    assert found.memory > 0
    assert found.files > 0
    assert not work.exists()
    for fault in (DataError("no good"), ZeroDivisionError("by nought")):
        monkeypatch.setattr(soaking, "train_run", lambda _settings, fault=fault: raised(fault))
        assert str(fault) in soaking._one(0, tmp_path, work).fault
    monkeypatch.setattr(soaking, "train_run", lambda _settings: None)
    assert soaking._one(0, tmp_path, work).fault == "ended well without a submission"


def test_sigterm_ends_the_soak_with_what_it_has(tmp_path, monkeypatch, capsys):
    """It isn't one of a run's own limits, behind which the run would go on."""
    seen: list[int] = []

    def trained(settings: TrainSettings) -> None:
        seen.append(settings.seed)
        if len(seen) > 2:
            raise Stopped("after the step", signalled=True)
        place = settings.work_dir / "submissions" / "submission.csv"
        place.parent.mkdir(parents=True)
        place.write_text("row_id,target")

    monkeypatch.setattr(soaking, "train_run", trained)
    soaking.soak(BenchSettings(what="soak", work_dir=tmp_path, minutes=5))
    assert len(seen) == 3
    assert "soak: 2 runs in " in capsys.readouterr().out
    bench = tmp_path / "data" / "bench"
    assert read_json(bench / "soak.json")["runs"] == 2
    assert not (bench / "soak-work").exists()


def raised(error: Exception) -> None:
    raise error


@pytest.mark.slow
def test_a_real_one_is_clean(run, tmp_path):
    said = run("bench", what="soak", minutes=0.5, work_dir=tmp_path)
    assert said.code == 0, said.out + said.err
    assert ", 0 failed" in said.out
