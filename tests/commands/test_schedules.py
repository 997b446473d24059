"""Runs whose optimiser, schedule, sizes and end are chosen: whole, recorded, and kept when asked
for again.
"""

from graphemes.foundation.files import read_json

TINY = {"widths": "8,8,16,16", "stem": "3x3s1", "drop_path": 0.1, "epochs": 2}
CHOSEN = {**TINY, "optimiser": "muon", "cycles": 2, "swa": 2, "image_sizes": "16,32"}


def test_a_run_of_many_choices_is_whole_and_kept(untested, work, train):
    words = {"data_dir": untested, "work_dir": work, **CHOSEN}
    said = train(**words)
    assert said.code == 0, said.err
    assert "resnet18 at 16x16, 32x32, judged at 32x32, 2 epochs" in said.out
    assert "fold 0 mean of the last 2 cycles: score" in said.out
    record = read_json(work / "folds" / "fold0" / "run.json")
    assert record["swa"].keys() == {"kept", "score", "recall"}
    assert record["swa"]["kept"] == (record["swa"]["score"] == record["best_score"])
    assert record["identity"]["settings"]["image_sizes"] == "16x16,32x32"
    assert record["identity"]["settings"]["widths"] == "8,8,16,16"
    again = train(**words)
    assert again.code == 0, again.err
    assert "fold 0: finished with these settings and data: kept" in again.out
    other = train(**{**words, "swa": 1, "optimiser": "sgd"})
    assert other.code == 2
    assert "optimiser is muon, asked for sgd" in other.err
    assert "swa is 2, asked for 1" in other.err


def test_a_run_that_patience_ends_is_finished(untested, work, train):
    words = {"data_dir": untested, "work_dir": work, **TINY, "epochs": 30, "patience": 1}
    said = train(**words)
    assert said.code == 0, said.err
    record = read_json(work / "folds" / "fold0" / "run.json")
    ended = record["last_epoch"]
    assert f"no better score in 1 epoch, so it ends after epoch {ended} of 30" in said.out
    assert record["epoch"] == ended - 1
    assert record["image_passes"] == 32 * ended
    assert "fold 0: finished with these settings and data: kept" in train(**words).out


def test_what_stands_in_the_way_is_said_before_the_work(untested, tmp_path, train):
    words = {"data_dir": untested, "work_dir": tmp_path}
    said = train(**words, trunk="timm/vit_tiny_patch16_224", image_sizes="16,32", epochs=2)
    assert said.code == 2
    assert said.err.startswith("graphemes: image_sizes=16x16: trunk=timm/vit_tiny_patch16_224 can")
    assert not [*tmp_path.rglob("*.npy")]
    said = train(**words, recipe="quick", cycles=2, epochs=1)
    assert said.err.startswith("graphemes: cycles=2: epochs=1 has no 2 parts")


def test_a_recipes_epochs_may_be_too_few(demo, tmp_path, run):
    said = run("train", data_dir=demo, work_dir=tmp_path, cycles=9)
    assert said.code == 2
    assert said.err == (
        "graphemes: cycles=9: epochs=5 has no 9 parts; give at most 5, or more epochs"
        " (recipe=quick)\n"
    )
