"""decisions.json from tables to labels: fitted by score, taken where it fits, refused elsewhere."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from graphemes import api
from graphemes.evaluation.decide import decided
from graphemes.evaluation.decision_files import read_decisions
from graphemes.evaluation.oof import OofTable, write_oof
from graphemes.foundation.files import write_json
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.foundation.layout import FoldPaths
from graphemes.network.weights import load_weights, read_record, save_weights, write_settings
from graphemes.pipeline.decisions import choose_rule, identities_of
from graphemes.release import packing
from worlds import (
    make_table,
    unsealed,
    write_fold,
    write_test_images,
)

DIGESTS = {"data": "d", "folds": "f"}


def write_run(run_dir: Path, table: OofTable, fold: str = "0", seed: int = 0) -> Path:
    """A finished fold of a fresh network, with somebody's table as its own."""
    place = FoldPaths(run_dir / f"fold{fold}")
    write_fold(place.directory, fold, seed=seed)
    record = read_record(place.weights)
    identity = {
        "settings": record.settings,
        "digests": DIGESTS,
        "classes": record.classes,
        "demo": False,
    }
    write_json(place.run, {"identity": identity, "best_score": 0.5})
    place.log.unlink()
    if fold == "none":
        place.oof.unlink()
    else:
        write_oof(place.oof, table, DIGESTS)
    return run_dir


@pytest.fixture(scope="module")
def table() -> OofTable:
    return make_table(900, seed=4)[0]  # a part alone has another winner than the whole


@pytest.fixture(scope="module")
def scored(table, tmp_path_factory) -> Path:
    """A work directory with a fold whose table was scored; no test changes it."""
    from graphemes.__main__ import main

    work = tmp_path_factory.mktemp("scored")
    write_run(work / "folds", table)
    assert main(["score", f"work_dir={work}"]) == 0
    return work


@pytest.fixture
def place(scored, tmp_path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(scored, tmp_path / "place"))


@pytest.fixture(scope="module")
def tests(tmp_path_factory) -> Path:
    """Four test images."""
    return write_test_images(tmp_path_factory.mktemp("tests"), 4)


@pytest.fixture
def predict(run, tests, place):
    words = {"data_dir": tests, "work_dir": place, "workers": 0}
    return lambda **more: run("predict", **{**words, **more})


def labels_of(place: Path) -> dict[str, list[int]]:
    targets = dict(pd.read_csv(place / "submissions" / "submission.csv").itertuples(index=False))
    ids = [name.split("_grapheme_root")[0] for name in targets if name.endswith("_grapheme_root")]
    return {head.name: [targets[f"{one}_{head.column}"] for one in ids] for head in HEADS}


def by_rule(place: Path, name: str) -> dict[str, list[int]]:
    """What a rule of decisions.json makes of the submission's probabilities."""
    kept = pq.read_table(place / "submissions" / "probabilities.parquet").to_pydict()
    found = HEADS.map(lambda head: np.array(kept[head.probability_column], np.float32))
    rule = read_decisions(place / "folds" / "decisions.json").rules[name]
    return {key: own.tolist() for key, own in decided(rule, found)._asdict().items()}


def test_score_fits_once_and_says_what_wins(scored, place, run):
    entry = json.loads((scored / "folds" / "scores.json").read_text())["decision"]
    found = read_decisions(scored / "folds" / "decisions.json")
    assert entry["rule"] == found.winner != "argmax"
    # Not the winner's own: that is the greatest of several.
    assert entry["nested_score"] == found.nested["auto"].judged
    assert entry["gain"] == found.nested["auto"].gain != found.nested[found.winner].gain
    assert found.identity["digests"] == DIGESTS
    path = place / "folds" / "decisions.json"
    before = path.stat().st_mtime_ns
    again = run("score", work_dir=place)
    assert again.code == 0, again.err
    assert f"{path}: fitted on these tables: kept" in again.out
    assert f"decide=auto: {found.winner}: it gains most beyond its error" in again.out
    assert path.stat().st_mtime_ns == before
    asked = run("score", work_dir=place, decide="prior")
    assert "decide=prior: as asked" in asked.out
    entry = json.loads((place / "folds" / "scores.json").read_text())["decision"]
    assert entry["nested_score"] == found.nested["prior"].judged
    plain = run("score", work_dir=place, decide="argmax")
    assert "nested" not in plain.out
    assert json.loads((place / "folds" / "scores.json").read_text())["decision"] == {
        "rule": "argmax"
    }


def test_other_tables_are_fitted_anew_and_few_images_choose_nothing(place, table, run):
    few = PerHead(*(own[:40] for own in table.truth))
    found = PerHead(*(own[:40] for own in table.probabilities))
    small = OofTable(table.image_ids[:40], table.folds[:40], few, found)
    write_oof(place / "folds" / "fold0" / "oof.parquet", small, DIGESTS)
    said = run("score", work_dir=place)
    assert "decide=auto: argmax: 40 images are too few to choose a rule by (500)" in said.out
    said = run("score", work_dir=place, decide="tuned")
    assert said.code == 0, said.err
    assert "fitting decision rules on 40 images" in said.out
    assert read_decisions(place / "folds" / "decisions.json").winner == "argmax"


def test_somebody_elses_table_is_judged_and_nothing_written(table, tmp_path, run):
    write_oof(tmp_path / "theirs.parquet", table)
    said = run("score", oof=tmp_path / "theirs.parquet", work_dir=tmp_path)
    assert said.code == 0, said.err
    assert "the best beyond its error: " in said.out
    assert [path.name for path in tmp_path.iterdir()] == ["theirs.parquet"]


def test_predict_takes_the_winner_and_a_second_time_keeps_it(place, predict):
    winner = read_decisions(place / "folds" / "decisions.json").winner
    said = predict()
    assert said.code == 0, said.err
    assert f"decide=auto: {winner} by {place / 'folds' / 'decisions.json'} (nested " in said.out
    assert labels_of(place) == by_rule(place, winner)
    assert "made from these weights and test images: kept" in predict().out
    assert "made from these weights and test images: kept" in predict(decide=winner).out
    other = predict(decide="argmax")
    assert other.code == 2
    assert "made from labels of another decide=; overwrite=true replaces it" in other.err
    assert predict(decide="argmax", overwrite="true").code == 0
    assert labels_of(place) == by_rule(place, "argmax")
    assert predict().code == 2


def test_a_decision_that_changed_remakes_the_submission(place, table, predict, run):
    assert predict().code == 0
    other = replace(table, folds=table.folds + 1, image_ids=[f"{one}b" for one in table.image_ids])
    write_run(place / "folds", other, "1")
    assert run("score", work_dir=place).code == 0
    said = predict(weights=place / "folds" / "fold0")
    assert said.code == 0, said.err
    assert "was made by another decision or from the demo's; replaced" in said.out
    said = predict()
    assert "was made from other folds of this run or the demo's; replaced" in said.out


def test_a_submission_of_before_counts_as_argmax(place, predict):
    assert predict(decide="argmax").code == 0
    path = place / "submissions" / "probabilities.parquet"
    kept = pq.read_table(path)
    metadata = {
        key: value
        for key, value in kept.schema.metadata.items()
        if not key.startswith(b"graphemes.digest.deci")
    }
    assert len(metadata) == len(kept.schema.metadata) - 2
    pq.write_table(kept.replace_schema_metadata(metadata), path)
    assert "made from these weights and test images: kept" in predict(decide="argmax").out
    said = predict()
    assert said.code == 0, said.err
    assert "was made by another decision" in said.out


def test_without_a_file_auto_is_argmax_and_a_rule_by_name_is_refused(place, predict):
    (place / "folds" / "decisions.json").unlink()
    refused = predict(decide="tuned")
    assert refused.code == 2
    assert refused.err.startswith("graphemes: decide=tuned: no decisions.json beside the weights;")
    assert refused.err.count("\n") == 1
    said = predict()
    assert said.code == 0, said.err
    assert "decide=auto: argmax; no decisions.json beside the weights" in said.out
    kept = pq.read_table(place / "submissions" / "probabilities.parquet").to_pydict()
    assert labels_of(place) == {
        head.name: np.array(kept[head.probability_column]).argmax(1).tolist() for head in HEADS
    }


def test_rules_of_another_run_are_not_taken(place, table, predict):
    path = place / "folds" / "decisions.json"
    value = unsealed(path)
    value["identity"]["settings"]["seed"] = 5
    value["identity"]["digests"]["folds"] = "other"
    write_json(path, value)
    refused = predict(decide="joint")
    assert refused.code == 2
    assert f"{path} was fitted for another run (seed is 5, here 0; its folds differ)" in refused.err
    said = predict()
    assert said.code == 0
    assert f"decide=auto: argmax; {path} was fitted for another run" in said.out


def test_what_trained_on_every_row_takes_its_runs_rules(place, table, predict):
    path = place / "folds" / "decisions.json"
    value = unsealed(path)
    every, known = {"0 0 0": 1000, "1 1 1": 1, "2 2 2": 50}, {"0 0 0": 2, "1 1 1": 2}
    write_json(path, {**value, "graphemes": known, "graphemes_of_all": every})
    write_run(place / "folds", table, "none")
    weights = place / "folds" / "foldnone" / "weights.safetensors"
    record = read_record(weights)
    # A recipe gives it fewer epochs; its folds are those of nobody.
    write_settings(weights, {**record.settings, "epochs": 7})
    fold, whole = (
        choose_rule("joint", [weights], identities_of([replace(record, **one)])).rule
        for one in ({"fold": "0"}, {"fold": "none", "digests": {"data": "d", "folds": "x"}})
    )
    assert fold.counts.sum() == 4
    assert whole.counts[2, 2, 2] == 50
    assert whole.counts.sum() == 1051
    said = predict(weights=place / "folds" / "foldnone", decide="joint")
    assert said.code == 0, said.err
    assert "decide=joint: joint by" in said.out
    write_settings(weights, {**record.settings, "epochs": 7, "lr": 1.0})
    assert "was fitted for another run (lr is " in predict(decide="joint", weights=weights).err


def test_a_file_that_was_tampered_with_is_refused_or_left_alone(place, predict, run):
    path = place / "folds" / "decisions.json"
    path.write_text(path.read_text().replace('"winner": "', '"winner": "x'))
    said = predict(decide="tuned")
    assert said.code == 2
    assert said.err.startswith(f"graphemes: {path}: winner: ")
    assert said.err.count("\n") == 1
    said = predict()  # at the end of a training, too: that is no time to fail
    assert said.code == 0, said.err
    assert f"decide=auto: argmax; {path}: winner: " in said.out
    assert run("score", work_dir=place).code == 0  # which fits it anew
    assert read_decisions(path).winner != "argmax"


def test_a_joint_winner_that_no_unseen_image_judged_says_so(place, predict, run):
    path = place / "folds" / "decisions.json"
    value = unsealed(path)
    word = "no image of an unseen grapheme judged it; decide=tuned is safer where many are unseen"
    write_json(path, {**value, "winner": "joint"})
    assert word in predict().out
    assert word in run("score", work_dir=place).out
    assert word not in predict(decide="joint").out  # who names it knows
    value["nested"]["joint"]["unseen"] = 0.5
    write_json(path, {**value, "winner": "joint"})
    said = predict(overwrite="true").out
    assert "decide=auto: joint by" in said
    assert word not in said


def test_images_that_are_too_few_are_named_in_both_places(place, predict, run):
    path = place / "folds" / "decisions.json"
    value = unsealed(path)
    write_json(path, {**value, "winner": "argmax", "images": 40})
    assert "; 40 images are too few to choose a rule by (500))" in predict().out
    write_json(path, {**value, "winner": "argmax"})
    assert "; no gain is beyond its error)" in predict().out


def test_a_rule_is_not_scored_on_the_images_that_it_was_fitted_on(place, kaggle_like, decoded, run):
    shutil.copytree(decoded / "data", place / "data")
    weights = place / "folds" / "fold0" / "weights.safetensors"
    path = place / "folds" / "decisions.json"
    words = {"weights": weights, "data_dir": kaggle_like, "work_dir": place, "workers": 0}
    elsewhere = run("score", **words, decide="tuned")
    assert elsewhere.code == 0, elsewhere.err
    assert re.search(r"decide=tuned: tuned by .*: score 0\.\d{4} \(root ", elsewhere.out)
    # The same weights, as if that data had been theirs.
    data = json.loads(next((place / "data" / "cache").glob("*.json")).read_text())["digest"]
    record = replace(read_record(weights), digests={"data": data, "folds": "f"})
    save_weights(weights, load_weights(weights)[0].state_dict(), record, np.zeros(1, np.int64))
    value = unsealed(path)
    value["identity"]["digests"]["data"] = data
    write_json(path, value)
    said = run("score", **words, decide="tuned")
    assert said.code == 0, said.err
    nested = value["nested"]["tuned"]["judged"]
    assert f"): fitted on these images; nested {nested:.4f}" in said.out
    assert ": score 0." not in said.out


def test_decisions_go_along_with_packs_exports_and_readers(
    place, run, tests, monkeypatch, tmp_path
):
    winner = read_decisions(place / "folds" / "decisions.json").winner
    monkeypatch.setattr(packing, "build_wheel", write_wheel)
    packed = run("pack", work_dir=place, out=tmp_path / "pack")
    assert packed.code == 0, packed.err
    weights = tmp_path / "pack" / "weights"
    words = {"data_dir": tests, "work_dir": tmp_path / "other", "workers": 0}
    said = run("predict", weights=weights / "fold0" / "weights.safetensors", **words)
    assert f"decide=auto: {winner} by {weights / 'decisions.json'}" in said.out, said.err
    again = run("pack", work_dir=place, out=tmp_path / "pack")
    assert "kept" in again.out
    hub = tmp_path / "hub"
    said = run("export", format="hub", images=8, work_dir=place, out=hub, data_dir=tests)
    assert said.code == 0, said.err
    assert json.loads((hub / "config.json").read_text())["decision"]["rule"] == winner
    assert f"Labels: by the rule `{winner}`" in (hub / "README.md").read_text()
    _, scans = api.read_shards(tests, "test")
    tables = {
        decide: api.load(source, decide=decide).predict(scans)
        for decide, source in (("auto", hub), (winner, place / "folds"), ("argmax", hub))
    }
    probabilities = api.load(hub).probabilities(scans)
    rules = read_decisions(place / "folds" / "decisions.json").rules
    for decide, rule in (("auto", winner), (winner, winner), ("argmax", "argmax")):
        wanted = decided(rules[rule], probabilities)
        for head, own in zip(HEADS, wanted, strict=True):
            assert tables[decide][head.name].tolist() == own.tolist()
    shutil.copy(place / "folds" / "decisions.json", tmp_path)
    (place / "folds" / "decisions.json").unlink()
    without = run("pack", work_dir=place, out=tmp_path / "pack")
    assert without.code == 2
    assert "a pack of other decisions" in without.err


def write_wheel(folder: Path) -> Path:
    (folder / "graphemes-0.1.0-py3-none-any.whl").write_bytes(b"")
    return folder / "graphemes-0.1.0-py3-none-any.whl"


def test_a_training_takes_the_rule_that_its_own_table_gives(kaggle_like, work, train, run):
    refused = train(data_dir=kaggle_like, work_dir=work, fold="none", decide="tuned")
    assert refused.code == 2
    assert "decide=tuned: no decisions.json beside the weights" in refused.err
    assert not (work / "folds" / "foldnone" / "weights.safetensors").exists()
    said = train(data_dir=kaggle_like, work_dir=work, decide="tuned")
    assert said.code == 0, said.err
    assert "decide=tuned: as asked" in said.out
    # Weights that surely move labels: those that were fitted on so few images may move none.
    path = work / "folds" / "decisions.json"
    value = unsealed(path)
    value["rules"]["tuned"]["weights"]["vowel"][3] = 1e6
    write_json(path, value)
    shutil.rmtree(work / "submissions")
    said = train(data_dir=kaggle_like, work_dir=work, decide="tuned")
    assert "fitted on these tables: kept" in said.out
    assert labels_of(work) == by_rule(work, "tuned") != by_rule(work, "argmax")
    # A training on every row says before it begins which rule it will take.
    early = train(data_dir=kaggle_like, work_dir=work, fold="none", decide="prior")
    assert early.code == 2
    assert "made from other folds and labels of another decide=" in early.err
    assert f"decide=prior: prior by {path} (nested " in early.out
    again = train(data_dir=kaggle_like, work_dir=work, decide="tuned")
    assert "made from these weights and test images: kept" in again.out
    other = train(data_dir=kaggle_like, work_dir=work)
    assert other.code == 2
    assert "made from labels of another decide=" in other.err
