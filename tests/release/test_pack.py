"""pack: what is in the folder, and all that is refused before anything is written."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from conftest import QUICK
from graphemes.foundation.settings.release import PackSettings
from graphemes.release import pack_plan, packing, wheel
from worlds import write_fold, write_run

RECORDS = {"run.json", "log.jsonl", "curves.png", "oof.parquet"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A work directory with one finished fold of a fresh network; no test changes it."""
    work = tmp_path_factory.mktemp("finished")
    write_fold(work / "folds" / "fold0", "0")
    return work


@pytest.fixture(scope="session")
def built_wheel(tmp_path_factory) -> Path:
    """The wheel, built once."""
    return wheel.build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def pack(run, finished, built_wheel, tmp_path, monkeypatch):
    """pack(...): packs the fold into out/pack, with the wheel that is there already."""

    def copied(into: Path) -> Path:
        return Path(shutil.copy(built_wheel, into))

    monkeypatch.setattr(packing, "build_wheel", copied)
    out = tmp_path / "out" / "pack"
    return lambda **words: run("pack", **{"work_dir": finished, "out": out, **words})


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_folder_holds_package_weights_records_and_notebooks(pack, finished, tmp_path):
    said = pack(user="some-body")
    assert said.code == 0, said.err
    assert " GB, graphemes-0.1.0-py3-none-any.whl and 1 fold(s)" in said.out
    assert f"kaggle datasets create -p {tmp_path / 'out' / 'pack'} -r zip" in said.out
    out = tmp_path / "out" / "pack"
    fold = finished / "folds" / "fold0"
    kept = {"weights.safetensors", *RECORDS}
    expected = {f"weights/fold0/{name}" for name in kept}
    expected |= {"graphemes-0.1.0-py3-none-any.whl", "dataset-metadata.json", "pack.json"}
    for name in ("train", "submit"):
        expected |= {f"{name}/{name}.ipynb", f"{name}/kernel-metadata.json"}
    assert files(out) == expected
    for name in kept:
        assert (out / "weights" / "fold0" / name).read_bytes() == (fold / name).read_bytes()
    data = read(out / "dataset-metadata.json")
    assert data["id"] == "some-body/graphemes-bengali"
    assert 6 <= len(data["title"]) <= 50
    for name in ("train", "submit"):
        kernel = read(out / name / "kernel-metadata.json")
        assert kernel["competition_sources"] == ["bengaliai-cv19"]
        assert kernel["dataset_sources"] == [data["id"]]
        assert (kernel["enable_internet"], kernel["enable_gpu"]) == (False, True)
        assert kernel["code_file"] == f"{name}.ipynb"
        # Kaggle makes the address of the title.
        assert kernel["id"] == "some-body/" + kernel["title"].lower().replace(" ", "-")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"pack", ".pack.lock"}


@pytest.mark.slow
def test_a_fold_that_was_trained_is_packed_with_its_records(run, pack, untested, tmp_path):
    words = {**QUICK, "data_dir": untested, "work_dir": tmp_path / "work"}
    assert run(**words).code == 0
    assert pack(work_dir=tmp_path / "work").code == 0
    packed = files(tmp_path / "out" / "pack" / "weights")
    assert packed == {f"fold0/{name}" for name in ("weights.safetensors", *RECORDS)}


def test_a_second_time_keeps_it_and_another_is_refused_unless_asked_for(pack, tmp_path):
    assert pack().code == 0
    manifest = tmp_path / "out" / "pack" / "pack.json"
    first = manifest.stat().st_mtime_ns
    again = pack()
    assert again.code == 0
    assert "packed with these weights and sources: kept" in again.out
    other = pack(user="another")
    assert other.code == 2
    assert "a pack of other dataset; overwrite=true replaces it" in other.err
    assert manifest.stat().st_mtime_ns == first
    assert pack(user="another", overwrite="true").code == 0
    assert read(manifest)["identity"]["dataset"] == "another/graphemes-bengali"
    (tmp_path / "out" / "pack" / "train" / "train.ipynb").unlink()
    damaged = pack(user="another")
    assert "a pack of other train/train.ipynb (missing); overwrite=true" in damaged.err
    assert pack(user="another", overwrite="true").code == 0
    assert (tmp_path / "out" / "pack" / "train" / "train.ipynb").is_file()


@pytest.mark.parametrize("name", ["train/train.ipynb", "submit/kernel-metadata.json"])
def test_what_the_user_edited_is_kept_and_not_replaced(name, pack, tmp_path):
    assert pack(weights="none").code == 0
    edited = tmp_path / "out" / "pack" / name
    text = edited.read_text().replace("bengaliai-cv19", "bengaliai-cv20").replace("40,", "60,")
    edited.write_text(text)  # as long as before
    said = pack(weights="none")
    assert said.code == 0
    assert f"{name} edited since: kept so" in said.out
    assert f"{name} (edited)" in pack(weights="none", user="another").err
    refused = pack(weights="none", user="another", overwrite="true")
    assert refused.code == 2
    assert f"{name}: edited since it was packed, and a new pack would remove it" in refused.err
    assert edited.read_text() == text
    edited.unlink()
    assert pack(weights="none", user="another", overwrite="true").code == 0


def test_files_of_others_within_a_pack_are_named_and_stay(pack, tmp_path):
    assert pack(weights="none").code == 0
    notes = tmp_path / "out" / "pack" / "train" / "notes.txt"
    notes.write_text("a week's")
    refused = pack(weights="none", user="another", overwrite="true")
    assert refused.code == 2
    assert "train/notes.txt: not of the pack, and a new pack would remove it" in refused.err
    assert notes.read_text() == "a week's"


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        '"pack"',
        "{}",
        '{"identity": {}, "files": {}}',
        '{"identity": [], "files": {}}',
        '{"identity": {"dataset": "a/b", "sources": "s", "weights": {}}}',
    ],
)
def test_a_pack_json_of_others_makes_no_pack(content, pack, tmp_path):
    out = tmp_path / "out" / "pack"
    out.mkdir(parents=True)
    (out / "pack.json").write_text(content)
    (out / "chapter1.txt").write_text("years of work")
    for words in ({}, {"overwrite": "true"}):
        said = pack(weights="none", out=out, **words)
        assert said.code == 2
        assert "holds chapter1.txt, which is no pack's" in said.err
        assert files(out) == {"chapter1.txt", "pack.json"}


def test_of_two_packs_at_once_the_second_looks_again(pack, built_wheel, monkeypatch, tmp_path):
    def plan(user: str) -> pack_plan.PackPlan:
        words = {"user": user, "weights": "none", "out": tmp_path / "out" / "pack"}
        return pack_plan.plan_pack(PackSettings(work_dir=tmp_path, **words))

    first, same, other = plan("first"), plan("first"), plan("other")
    packing.write_pack(first)
    manifest = tmp_path / "out" / "pack" / "pack.json"
    before = manifest.stat().st_mtime_ns
    packing.write_pack(same)
    with pytest.raises(pack_plan.PlaceTaken, match="a pack of other dataset"):
        packing.write_pack(other)
    assert manifest.stat().st_mtime_ns == before


def test_weights_of_two_runs_are_refused_before_the_upload(pack, finished, tmp_path):
    one = finished / "folds" / "fold0"
    two = shutil.copytree(one, tmp_path / "run" / "fold0")
    for weights in (f"{one},{two}", f"{two},{one}"):
        said = pack(weights=weights)
        assert said.code == 2
        assert "is fold 0, as " in said.err
        assert str(one) in said.err
        assert str(two) in said.err
    weights = two / "weights.safetensors"
    other = weights.read_bytes()
    for before, after in ((b'fold\\": \\"0', b'fold\\": \\"1'), (b'epochs\\": 1', b'epochs\\": 2')):
        assert other.count(before) == 1
        other = other.replace(before, after)
    weights.write_bytes(other)
    said = pack(weights=f"{one},{two}")
    assert said.code == 2
    assert f"{weights}: isn't of the run of {one}" in said.err
    assert "(epochs is 2, there 1)" in said.err


def test_without_weights_it_serves_to_train_on_kaggle(pack, tmp_path):
    said = pack(weights="none", work_dir=tmp_path)
    assert said.code == 0, said.err
    assert "no weights: to train there" in said.out
    assert not (tmp_path / "out" / "pack" / "weights").exists()
    assert "INSERT_USERNAME stands for your name" in said.out


@pytest.fixture
def runs(tmp_path) -> Path:
    """A work directory with the runs a, b and the one without a name, of tables that agree."""
    work = tmp_path / "runs"
    for seed, name in enumerate(("a", "b", ".")):
        write_run(work, name, seed=seed)
    return work


def test_runs_that_are_averaged_are_packed_with_shares_and_their_rule(pack, run, runs, tmp_path):
    scored = run("score", runs="a,b", work_dir=runs, shares="0.25,0.75")
    assert scored.code == 0, scored.err
    said = pack(work_dir=runs, runs="a,b", shares="0.25,0.75")
    assert said.code == 0, said.err
    assert "2 fold(s) of 2 runs, which are averaged" in said.out
    out = tmp_path / "out" / "pack"
    folds = {f"{name}/fold0/{file}" for name in "ab" for file in ("weights.safetensors", *RECORDS)}
    assert files(out / "weights") == {*folds, "ensemble.json", "decisions.json"}
    assert read(out / "weights" / "ensemble.json") == {"runs": "a,b", "shares": "0.25,0.75"}
    fitted = runs / "folds" / "ensembles" / "a,b" / "decisions.json"
    assert (out / "weights" / "decisions.json").read_bytes() == fitted.read_bytes()
    assert "decisions.json" in said.out  # by which rule
    assert "kept" in pack(work_dir=runs, runs="a,b", shares="0.25,0.75").out
    other = pack(work_dir=runs, runs="b,-", shares="equal")
    assert other.code == 2
    assert "a pack of other weights and ensemble and decisions" in other.err
    assert pack(work_dir=runs, runs="b,-", shares="equal", overwrite="true").code == 0
    assert read(out / "weights" / "ensemble.json") == {"runs": "-,b", "shares": "0.5,0.5"}
    packed = {f"{name}/weights.safetensors" for name in ("fold0", "b/fold0")}
    assert {name for name in files(out / "weights") if "safetensors" in name} == packed


def test_a_run_that_has_the_whole_share_is_packed_alone(pack, runs, tmp_path):
    said = pack(work_dir=runs, runs="a,b", shares="0,1")
    assert said.code == 0, said.err
    assert "run b has the whole share: packed alone" in said.out
    packed = {path.name for path in (tmp_path / "out" / "pack" / "weights").iterdir()}
    assert packed == {"fold0"}
    first = tmp_path / "out" / "pack" / "weights" / "fold0" / "weights.safetensors"
    assert first.read_bytes() == (runs / "folds" / "b/fold0/weights.safetensors").read_bytes()


def test_weights_alone_are_packed_under_the_name_that_notebooks_look_for(pack, finished, tmp_path):
    lone = shutil.copy(
        finished / "folds" / "fold0" / "weights.safetensors", tmp_path / "w.safetensors"
    )
    assert pack(weights=lone).code == 0
    assert (tmp_path / "out" / "pack" / "weights" / "weights0" / "weights.safetensors").is_file()


def test_nothing_is_left_of_a_pack_that_fails(pack, monkeypatch, tmp_path):
    def fails(into: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(packing, "build_wheel", fails)
    said = pack()
    assert said.code == 2
    assert "could not be written: No space left on device" in said.err
    assert files(tmp_path / "out") == {".pack.lock"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"fold": 1}, "fold1: fold isn't there, so it can't be packed; train it"),
        ({"weights": "nowhere"}, "nowhere: no such weights file"),
        ({"name": "a" * 60}, "no finished fold"),
        ({"fold": 0, "weights": "x"}, "fold, weights: two ways to choose weights"),
        ({"runs": "a,b"}, "runs=a: "),
        ({"runs": "a,b", "fold": 0}, "runs, fold: runs= packs all finished folds of its runs"),
        ({"runs": "a,b", "weights": "none"}, "leave weights out"),
        ({"runs": "a,b", "shares": "0.5,0.6"}, "expected a sum of 1"),
        ({"shares": "0.5,0.5"}, "there are no runs to share"),
        ({"user": "x/y"}, "expected a Kaggle user name"),
        ({"user": "me"}, "3 or more letters, digits, '-', '_'"),
    ],
)
def test_what_cannot_be_packed_is_refused_in_a_sentence(words, sentence, pack, tmp_path):
    said = pack(**words)
    assert said.code == 2
    assert sentence in said.err
    assert said.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_unfinished_fold_is_refused(pack, finished, tmp_path):
    fold = tmp_path / "work" / "folds" / "fold0"
    shutil.copytree(finished / "folds" / "fold0", fold)
    (fold / "run.json").unlink()
    (fold / "state").mkdir()
    (fold / "state" / "last.pt").touch()
    said = pack(work_dir=tmp_path / "work", fold=0)
    assert said.code == 2
    assert "fold0: fold isn't finished, so it can't be packed" in said.err
    said = pack(weights=fold)
    assert said.code == 2
    assert "its fold isn't finished; train on, or leave it out" in said.err
    assert not (tmp_path / "out").exists()


def test_weights_of_others_are_refused_before_the_upload(pack, tmp_path):
    (tmp_path / "w.safetensors").write_bytes(b"\x80\x02 a pickle")
    said = pack(weights=tmp_path / "w.safetensors")
    assert said.code == 2
    assert "w.safetensors: " in said.err
    assert not (tmp_path / "out").exists()


def test_a_folder_of_others_is_left_alone_whatever_is_said(pack, tmp_path):
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "chapter1.txt").write_text("years of work")
    said = pack(out=out, overwrite="true")
    assert said.code == 2
    assert "holds chapter1.txt, which is no pack's" in said.err
    assert files(out) == {"chapter1.txt"}


def test_more_than_kaggle_takes_is_refused(pack, monkeypatch, tmp_path):
    monkeypatch.setattr(pack_plan, "LARGEST", 1000)
    said = pack()
    assert said.code == 2
    assert "and Kaggle takes 0.00 GB a data set; choose fewer folds" in said.err
    assert not (tmp_path / "out").exists()


def test_a_disk_that_is_too_small_is_said_before_any_work(pack, monkeypatch, tmp_path):
    usage = shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    said = pack()
    assert said.code == 2
    assert "0.00 GB are free; make room or choose another place with out=PATH" in said.err
    assert not (tmp_path / "out").exists()


def test_a_long_name_makes_no_address():
    with pytest.raises(pack_plan.UserError, match="choose a shorter name"):
        pack_plan._slug("a" * 60)
    assert pack_plan._slug("Wide_1.5") == "graphemes-wide-1-5"


def test_the_wheel_holds_what_the_package_reads_and_leaves_nothing_behind(built_wheel):
    inside = set(zipfile.ZipFile(built_wheel).namelist())
    for name in (
        "graphemes/foundation/graphemes.csv",
        "graphemes/release/notebooks/train.ipynb",
        "graphemes/release/notebooks/submit.ipynb",
        "graphemes/py.typed",
    ):
        assert name in inside
    sources = wheel.ROOT / "src"
    assert list(built_wheel.parent.iterdir()) == [built_wheel]
    modules = {path.relative_to(sources).as_posix() for path in sources.rglob("*.py")}
    assert modules <= inside
    assert not (wheel.ROOT / "build").exists()


def test_a_wheel_is_built_in_its_folder_alone(monkeypatch, tmp_path):
    """Were the process killed, what it leaves would lie there, and go with the folder."""
    places = []
    monkeypatch.setattr(wheel, "_pip_wheel", lambda copy, into, root: places.append((copy, into)))
    with pytest.raises(StopIteration):
        wheel.build_wheel(tmp_path)
    ((copy, into),) = places
    assert into == tmp_path
    assert copy.is_relative_to(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_a_checkout_there_is_no_wheel(tmp_path):
    with pytest.raises(wheel.UserError, match="no checkout of the project"):
        wheel.build_wheel(tmp_path, tmp_path)


def test_pip_that_fails_is_told_in_a_sentence(tmp_path):
    for name in wheel.SOURCES:
        (tmp_path / name).write_text("not = [toml")
    with pytest.raises(wheel.UserError, match="pip could not build the wheel"):
        wheel.build_wheel(tmp_path, tmp_path)
