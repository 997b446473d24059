"""Runs that are averaged, views of a picture, labels that networks gave: whole commands."""

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from conftest import QUICK, TESTS, Spoken, train_quickly
from graphemes.evaluation.decide import decided, likeliest
from graphemes.evaluation.decision_files import read_decisions
from graphemes.evaluation.ensemble import mixed
from graphemes.evaluation.oof import OofTable, read_oof, write_oof
from graphemes.evaluation.probability_files import read_digests
from graphemes.foundation.errors import DataError
from graphemes.foundation.files import file_digest, write_json
from graphemes.foundation.heads import HEADS, PerHead, Probabilities
from graphemes.foundation.layout import Layout
from graphemes.foundation.settings.commands import PredictSettings
from graphemes.foundation.settings.groups import Places
from graphemes.foundation.settings.types import ImageSize
from graphemes.images.dataset import StoreDataset
from graphemes.images.transforms import make_transform
from graphemes.inference.views import views
from graphemes.network.devices import Engine
from graphemes.network.weights import load_weights, write_settings
from graphemes.pipeline.run_shares import fit_run_shares, run_shares
from graphemes.pipeline.trained_networks import load_networks
from graphemes.pipeline.training_data import open_training_data
from graphemes.pipeline.workspace import find_workspace
from graphemes.release.inputs import find_networks
from graphemes.release.tables import mixed_out_of_fold, out_of_fold
from worlds import unsealed, write_fold

FP32 = Engine(torch.device("cpu"), "fp32")
TINY = {**QUICK, "trunk": "timm/test_resnet"}
A = {**TINY, "name": "a", "tta": "none"}
B = {**TINY, "name": "b", "image_size": "24x40", "crop": "none", "tta": "shifts"}


pytestmark = pytest.mark.slow  # runs of their own, trained first


@pytest.fixture(scope="module")
def two(kaggle_like, decoded, tmp_path_factory) -> Path:
    """A work directory with runs a and b, of other networks, pictures and views."""
    work = Path(shutil.copytree(decoded, tmp_path_factory.mktemp("two") / "work"))
    for words in (A, B):
        train_quickly(work, **words, data_dir=kaggle_like)
    return work


@pytest.fixture
def again(two, tmp_path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(two, tmp_path / "work"))


@pytest.fixture
def call(run, kaggle_like) -> Callable[..., Spoken]:
    """A command on those files: call("predict", work, runs="a,b")."""

    def said(command: str, work_dir: Path, **settings: object) -> Spoken:
        return run(command, data_dir=kaggle_like, work_dir=work_dir, workers=0, **settings)

    return said


def read(work: Path, stem: str = "") -> Probabilities:
    table = pq.read_table(work / "submissions" / f"{stem}probabilities.parquet")
    return HEADS.map(lambda head: np.array(table[head.probability_column].to_pylist(), np.float32))


def refused(said: Spoken, *parts: str) -> None:
    assert said.code == 2, said
    assert said.err.count("\n") == 1, said.err
    for part in parts:
        assert part in said.err, said.err


def record(work: Path, name: str) -> dict:
    return json.loads((work / "folds" / name / "fold0" / "run.json").read_text())


def settings_of(weights: Path) -> dict:
    with safe_open(weights, "pt") as file:
        return json.loads(file.metadata()["graphemes"])["settings"]


def test_an_ensemble_is_the_mean_by_shares_of_runs_with_pictures_of_their_own(again, call):
    said = call("predict", again, runs="b,a", shares="0.25,0.75")
    assert said.code == 0, said.err
    assert "run a, share 0.75: 1 network(s) at 32x32, tta=none" in said.out
    assert "run b, share 0.25: 1 network(s) at 24x40, tta=shifts" in said.out
    assert said.out.count("decoding") <= 1
    wanted = mixed([read(again, "a-"), read(again, "b-")], [0.75, 0.25])
    found = read(again)
    for got, head in zip(found, wanted, strict=True):
        np.testing.assert_allclose(got, head, rtol=1e-5, atol=1e-7)
    targets = pd.read_csv(again / "submissions" / "submission.csv")
    assert len(targets) == 3 * TESTS
    origin = read_digests(again / "submissions" / "probabilities.parquet")
    assert origin["runs"] == "a,b"
    assert origin["shares"] == "0.75,0.25"
    assert len(origin["weights"].split(",")) == 2

    said = call("predict", again, runs="a,b", shares="0.75,0.25")
    assert said.code == 0
    assert "made from these weights and test images: kept" in said.out
    refused(call("predict", again, runs="a,b", shares="0.5,0.5"), "made from other shares or runs")
    refused(call("predict", again, runs="a,b"), "made from other shares or runs")  # equal ones


def test_shares_that_auto_found_and_that_changed_remake_the_submission(again, call):
    assert call("predict", again, runs="a,b").code == 0
    said = call("predict", again, runs="a,b", shares="equal")
    assert "made from these weights and test images: kept" in said.out, said.err
    write_shares(again, [0.75, 0.25])
    refused(call("predict", again, runs="a,b", shares="0.7,0.3"), "made from other shares or runs")
    said = call("predict", again, runs="a,b")
    assert said.code == 0, said.err
    assert "submission.csv: was made with shares fitted before; replaced" in said.out
    origin = read_digests(again / "submissions" / "probabilities.parquet")
    assert (origin["shares"], origin["share_values"]) == ("auto", "0.75,0.25")


def write_shares(work: Path, shares: list[float]) -> None:
    """As if score had fitted these, and they had won."""
    tables = [[file_digest(work / "folds" / name / "fold0" / "oof.parquet")] for name in "ab"]
    scores = {"nested_score": 0.6, "equal_score": 0.5, "gain": 0.1, "error": 0.01}
    entry = {"shares": shares, "wins": True, "images": 32, "tables": tables, **scores}
    write_json(work / "folds" / "shares.json", {"a,b": entry})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shares": [1.5, -0.5]}, "a,b.shares.0: Input should be less than or equal to 1"),
        ({"shares": "half"}, "a,b.shares: Input should be a valid list"),
        ({"wins": "yes"}, "a,b.wins: Input should be a valid boolean"),
        ({"tables": None}, "a,b.tables: Input should be a valid list"),
        (None, "a,b: Input should be"),
    ],
)
def test_shares_that_were_tampered_with_are_refused(two, tmp_path, change, said):
    work = tmp_path
    for name in "ab":
        shutil.copytree(two / "folds" / name, work / "folds" / name)
    write_shares(work, [0.75, 0.25])
    value = json.loads((work / "folds" / "shares.json").read_text())
    value["a,b"] = None if change is None else {**value["a,b"], **change}
    write_json(work / "folds" / "shares.json", value)
    for act in (lambda: chosen(work, "a,b"), lambda: fit_run_shares(Layout(work), "ab", "auto")):
        with pytest.raises(DataError) as caught:
            act()
        text = str(caught.value)
        assert text.startswith(f"{work / 'folds' / 'shares.json'}: {said}")
        assert text.endswith("; delete it, and score runs= fits shares anew")
        assert "\n" not in text


def test_an_ensemble_takes_the_rule_that_its_mixed_tables_give(again, call):
    path = again / "folds" / "ensembles" / "a,b" / "decisions.json"
    for name in "ab":
        push(again / "folds" / name / "fold0" / "oof.parquet", 0.3)
    refused(
        call("predict", again, runs="b,a", decide="prior"),
        f"decide=prior: no {path}; expected one that is fitted on these runs' tables",
        "score runs=b,a writes it",
    )
    few = call("score", again, runs="b,a")
    assert "decide=auto: argmax: 32 images are too few to choose a rule by (500)" in few.out
    assert not path.exists()
    said = call("score", again, runs="b,a", decide="prior")
    assert said.code == 0, said.err
    assert "decide=prior: as asked" in said.out
    found = read_decisions(path)
    assert found.tables.keys() == {"a/fold0", "b/fold0"}
    entry = json.loads((again / "folds" / "shares.json").read_text())["a,b"]
    taken = entry["shares"] if entry["wins"] else [0.5, 0.5]
    assert found.identity["settings"]["shares"] == ",".join(f"{one:.6g}" for one in taken)
    kept = call("score", again, runs="a,b", decide="prior")
    assert f"{path}: fitted on these tables: kept" in kept.out

    value = unsealed(path)  # a rule that moves labels
    value["rules"]["prior"]["powers"] = {"root": 2.0, "vowel": 2.0, "consonant": 2.0}
    write_json(path, {**value, "winner": "prior"})
    for decide, shares in (("prior", "auto"), ("auto", taken)):
        shutil.rmtree(again / "submissions", ignore_errors=True)
        words = ",".join(map(str, shares)) if isinstance(shares, list) else shares
        said = call("predict", again, runs="a,b", decide=decide, shares=words)
        assert said.code == 0, said.err
        assert f"decide={decide}: prior by {path} (nested " in said.out
        assert labels_of(again) == labels(decided(read_decisions(path).rules["prior"], read(again)))
        assert labels_of(again) != labels(likeliest(read(again)))

    other = {"runs": "a,b", "shares": "0.9,0.1", "overwrite": "true"}
    refused(
        call("predict", again, **other, decide="prior"),
        f"decide=prior: {path} was fitted for another run (shares is ",
        ", here 0.9,0.1)",
        "score runs=a,b shares=0.9,0.1 writes it",
    )
    said = call("predict", again, **other)
    assert f"decide=auto: argmax; {path} was fitted for another run (shares is " in said.out
    assert labels_of(again) == labels(likeliest(read(again)))
    assert call("score", again, runs="a,b", shares="0.9,0.1", decide="prior").code == 0
    said = call("predict", again, **other, decide="prior")
    assert f"decide=prior: prior by {path} (nested " in said.out

    said = call("score", again, runs="a,b", shares="1,0", decide="prior")
    assert "run a has the whole share: predict takes its own decision rule" in said.out
    assert call("score", again, name="a", decide="prior").code == 0
    said = call("predict", again, runs="a,b", shares="1,0", decide="prior", overwrite="true")
    own = again / "folds" / "a" / "decisions.json"
    assert f"decide=prior: prior by {own} (nested " in said.out


def labels(found: PerHead) -> dict[str, list[int]]:
    return {name: own.tolist() for name, own in found._asdict().items()}


def labels_of(work: Path) -> dict[str, list[int]]:
    """The submission's labels, in the order of the probabilities."""
    table = pq.read_table(work / "submissions" / "probabilities.parquet")
    targets = pd.read_csv(work / "submissions" / "submission.csv", index_col="row_id")["target"]
    ids = table["image_id"].to_pylist()
    return {head.name: [int(targets[f"{one}_{head.column}"]) for one in ids] for head in HEADS}


def chosen(work: Path, runs: str, shares: str = "auto") -> dict[str, float]:
    """The shares that predict would take."""
    settings = PredictSettings(runs=runs, shares=shares)
    return {run.name: run.share for run in run_shares(Layout(work), settings)}


def test_shares_are_those_given_or_equal_and_a_dash_is_the_run_without_a_name(again):
    shutil.move(again / "folds" / "a" / "fold0", again / "folds" / "fold0")
    assert chosen(again, "b,-", "0.2,0.8") == {"-": 0.8, "b": 0.2}
    assert chosen(again, "b,-", "equal") == {"-": 0.5, "b": 0.5}
    assert chosen(again, "b,-", "1,0") == {"b": 1}  # the other needn't be read


def test_shares_are_fitted_on_tables_and_taken_where_they_win(again, call, capfd):
    push(again / "folds" / "a" / "fold0" / "oof.parquet", 0.3)
    push(again / "folds" / "b" / "fold0" / "oof.parquet", 0.5, beside=1)
    assert chosen(again, "a,b") == {"a": 0.5, "b": 0.5}
    assert "equal shares: none are fitted for these runs" in capfd.readouterr().out
    said = call("score", again, runs="b,a", shares="0,1")
    assert said.code == 0, said.err
    rows = {line.split("  ")[0]: line.split() for line in said.out.splitlines()}
    assert {"run", "a", "b", "equal shares", "fitted shares, nested"} <= rows.keys()
    assert rows["given shares"][2:] == rows["a"][1:]
    kept = json.loads((again / "folds" / "shares.json").read_text())["a,b"]
    assert sum(kept["shares"]) == pytest.approx(1)
    assert kept["shares"][0] > 0.5
    assert kept["wins"] is True
    assert f"{kept['nested_score']:.4f}" == rows["fitted shares, nested"][4]
    first, second = (f"{share:g}" for share in kept["shares"])
    assert f"fitted a {first}, b {second}; predict takes these" in said.out
    wanted = {name: share for name, share in zip("ab", kept["shares"], strict=True) if share}
    assert chosen(again, "a,b") == wanted
    assert f"shares fitted on the tables: a {first}, b {second}" in capfd.readouterr().out
    push(again / "folds" / "b" / "fold0" / "oof.parquet", 0.5)
    assert chosen(again, "b,a") == {"a": 0.5, "b": 0.5}
    assert "were fitted on other tables" in capfd.readouterr().out


def push(path: Path, share: float, beside: int = 0) -> None:
    """Let a table say the true labels with that share, or others."""
    table = read_oof(path)
    heads = []
    for head, truth, values in zip(HEADS, table.truth, table.probabilities, strict=True):
        pushed = (1 - share) * values
        pushed[np.arange(len(truth)), (truth + beside) % head.classes] += share
        heads.append(pushed)
    write_oof(path, OofTable(**{**vars(table), "probabilities": PerHead(*heads)}))


def test_ensembles_that_cannot_be_are_refused(again, call):
    refused(call("predict", again, runs="a,zzz"), "runs=zzz: ", "has no fold; there are a, b")
    refused(call("score", again, runs="a,zzz"), "runs=zzz: ", "has no fold; there are a, b")
    refused(call("predict", again, runs="a"), "setting 'runs': got 'a', expected two or more runs")
    refused(call("predict", again, runs="a,a"), "runs=a is given twice")
    for bad in ("1.5,-0.5", "x,y", "nan,1"):
        refused(call("predict", again, runs="a,b", shares=bad), "setting 'shares': got")
    (again / "folds" / "b" / "fold0" / "run.json").unlink()
    refused(call("predict", again, runs="a,b"), "no finished fold; train one first")
    refused(call("score", again, runs="a,b"), "no finished fold with an out-of-fold table")
    assert not (again / "submissions" / "submission.csv").exists()


def test_tables_of_other_folds_are_not_fitted_on(again, call):
    path = again / "folds" / "b" / "fold0" / "oof.parquet"
    table = read_oof(path)
    write_oof(path, table, {**table.digests, "folds": "other"})
    refused(call("score", again, runs="a,b"), "runs=a,b: trained with another folds.csv")
    assert not (again / "folds" / "shares.json").exists()


def test_a_table_holds_the_mean_over_views_and_says_so(two, kaggle_like):
    fold = two / "folds" / "b" / "fold0"
    table = read_oof(fold / "oof.parquet")
    assert table.tta == "shifts"
    assert record(two, "b")["settings"]["tta"] == "shifts"
    assert settings_of(fold / "weights.safetensors")["tta"] == "shifts"
    assert "tta" not in settings_of(two / "folds" / "a" / "fold0" / "weights.safetensors")
    network, _ = load_weights(fold / "weights.safetensors")
    store = open_training_data(find_workspace(Places(data_dir=kaggle_like, work_dir=two))).store
    pictures = StoreDataset(store.pixels, store.frames, make_transform(ImageSize(24, 40), "none"))
    ink = [pictures[0, store.row_of[name]].ink[None] for name in table.image_ids[:3]]
    each = [[network(view).probabilities() for view in views(one, "shifts")] for one in ink]
    for head, found in enumerate(table.probabilities):
        wanted = [np.mean([one[head].detach().numpy()[0] for one in five], 0) for five in each]
        np.testing.assert_allclose(found[:3], wanted, rtol=2e-2, atol=1e-4)  # bf16 where it is fast


def test_another_tta_is_refused_or_makes_the_table_again_from_kept_weights(again, untested, run):
    fold = again / "folds" / "b" / "fold0"
    before, table = load_file(fold / "weights.safetensors"), read_oof(fold / "oof.parquet")
    words = {**B, "tta": "scales", "data_dir": untested, "work_dir": again}
    refused(run(**words), "its weights are the asked ones, but tta is shifts, asked for scales;")
    said = run(**words, overwrite="true")
    assert said.code == 0, said.err
    assert "fold 0: its weights are kept; its table is made with tta=scales" in said.out
    assert "the score is of tables made with tta=scales" in said.out
    after = load_file(fold / "weights.safetensors")
    assert all(np.array_equal(after[name], tensor) for name, tensor in before.items())
    assert settings_of(fold / "weights.safetensors")["tta"] == "scales"
    assert record(again, "b")["identity"]["settings"]["tta"] == "scales"
    made = read_oof(fold / "oof.parquet")
    assert made.tta == "scales"
    assert made.image_ids == table.image_ids
    assert not np.array_equal(made.probabilities.root, table.probabilities.root)
    shutil.rmtree(again / "submissions")
    # As if it had been killed between table and run record: made again without being asked to.
    write_oof(fold / "oof.parquet", replace(made, digests={**made.digests, "tta": "none"}))
    said = run(**words)
    assert said.code == 0, said.err
    assert "fold 0: its weights are kept; its table is made with tta=scales" in said.out
    assert read_oof(fold / "oof.parquet").tta == "scales"
    said = run(**words)
    assert "fold 0: finished with these settings and data: kept" in said.out


def test_score_reads_weights_with_the_views_that_are_asked_for(again, call):
    weights = again / "folds" / "b" / "fold0"
    said = call("score", again, weights=weights, tta="none")
    assert said.code == 0, said.err
    assert "168 of 200 labelled images are outside the training rows" in said.out
    assert "in several views" not in said.out
    said = call("score", again, weights=weights)
    assert (
        "each is read in several views (tta=shifts), whose probabilities are averaged" in said.out
    )
    views_of = [
        load_networks([weights / "weights.safetensors"], FP32, None, tta).tta
        for tta in (None, "none", "scales")
    ]
    assert views_of == ["shifts", "none", "scales"]


def test_networks_of_other_views_are_averaged_only_with_a_word_on_it(tmp_path):
    one, two = (write_fold(tmp_path / f"fold{fold}", str(fold)) for fold in (0, 1))
    write_settings(two, {**settings_of(two), "tta": "shifts"})
    with pytest.raises(DataError, match=r"tta is shifts, expected none as in .*; give tta=none or"):
        load_networks([one, two], FP32)
    assert load_networks([one, two], FP32, tta="shifts").otherwise == {"tta": "shifts"}


def test_tables_of_other_views_are_not_scored_as_one(again, call):
    fold = again / "folds" / "a" / "fold0" / "oof.parquet"
    other = again / "folds" / "b" / "fold0" / "oof.parquet"
    refused(call("score", again, oof=f"{fold},{other}"), "made with tta=shifts", "with tta=none")


def test_a_pack_of_runs_is_read_on_kaggle_as_at_home(again, call, run, tmp_path, monkeypatch):
    """As the submit notebook does, which the simulation executes with one run."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert call("score", again, runs="a,b").code == 0
    assert call("predict", again, runs="a,b").code == 0
    said = run("pack", work_dir=again, runs="a,b", out=tmp_path / "input" / "pack")
    assert said.code == 0, said.err
    found = find_networks(tmp_path / "input")
    written = tmp_path / "submissions" / "submission.csv"
    there = call("predict", submission=written, **found.words)
    assert there.code == 0, there.err
    assert written.read_bytes() == (again / "submissions" / "submission.csv").read_bytes()
    for got, expected in zip(read(tmp_path), read(again), strict=True):
        np.testing.assert_array_equal(got, expected)
    mean, alone = mixed_out_of_fold(found.folds, found.shares), out_of_fold(found.folds["a"])
    assert mean.image_ids == sorted(alone.image_ids)
    assert not np.array_equal(mean.probabilities.root, alone.probabilities.root)
