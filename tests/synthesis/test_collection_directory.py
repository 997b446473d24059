"""A collection's directory: the same bytes for a seed, resumed, never in another's place."""

import csv
import dataclasses
import json
import re
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from graphemes.foundation.classes import competition_graphemes
from graphemes.foundation.errors import PlaceTaken, UserError
from graphemes.foundation.files import read_json
from graphemes.synthesis import collection, collection_directory
from graphemes.synthesis.collection import Collection
from graphemes.synthesis.collection_directory import draw_collection
from graphemes.synthesis.existing_drawings import is_collection
from graphemes.synthesis.selection import shares

SOME = competition_graphemes()[::100]  # 13 graphemes


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(collection, "IMAGES_A_SHARD", 20)


WANTED = Collection(SOME, images=50, tests=3, seed=5, balance=0.6)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("drawn") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collection, "IMAGES_A_SHARD", 20)
        assert draw_collection(place, WANTED, workers=1)
    return place


def files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_it_has_the_competitions_layout(drawn):
    assert set(files(drawn)) == {
        *("train.csv", "test.csv", "sample_submission.csv", "class_map.csv", "synthesis.json"),
        *(f"train_image_data_{k}.parquet" for k in range(3)),
        "test_image_data_0.parquet",
    }
    with (drawn / "train.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    ids = [
        name
        for k in range(3)
        for name in pq.read_table(drawn / f"train_image_data_{k}.parquet", columns=["image_id"])
        .column(0)
        .to_pylist()
    ]
    assert ids == [row["image_id"] for row in rows] == [f"Train_{k}" for k in range(50)]
    counts = Counter(row["grapheme"] for row in rows)
    assert set(counts) == {one.text for one in SOME}
    wanted = shares(SOME, WANTED.balance) * 50
    assert all(abs(counts[one.text] - n) < 1 for one, n in zip(SOME, wanted, strict=True))
    assert is_collection(drawn)


def test_without_tests_there_is_no_test_part(tmp_path):
    draw_collection(tmp_path / "out", Collection(SOME, images=2, balance=0.6), workers=1)
    assert set(files(tmp_path / "out")) == {
        *("train.csv", "class_map.csv", "synthesis.json", "train_image_data_0.parquet")
    }


def test_two_processes_draw_the_same_bytes(drawn, tmp_path):
    draw_collection(tmp_path / "two", WANTED, workers=2)
    assert files(tmp_path / "two") == files(drawn)


def test_another_seed_draws_others(drawn, tmp_path):
    other = Collection(SOME, images=50, tests=3, seed=6, balance=0.6)
    draw_collection(tmp_path / "out", other, workers=1)
    same = [name for name, data in files(tmp_path / "out").items() if data == files(drawn)[name]]
    assert set(same) == {"class_map.csv", "test.csv", "sample_submission.csv"}


def test_what_is_finished_is_kept(drawn):
    before = {path.name: path.stat().st_mtime_ns for path in drawn.iterdir()}
    assert not draw_collection(drawn, WANTED, workers=1)
    assert {path.name: path.stat().st_mtime_ns for path in drawn.iterdir()} == before


def test_what_is_unfinished_is_resumed(drawn, tmp_path, monkeypatch):
    out, written = tmp_path / "out", []
    write = collection_directory.writing.write_shard

    def killed(path: Path, *args: object) -> None:
        if len(written) == 1:
            path.write_bytes(b"half")
            raise KeyboardInterrupt
        written.append(path)
        write(path, *args)

    monkeypatch.setattr(collection_directory.writing, "write_shard", killed)
    with pytest.raises(KeyboardInterrupt):
        draw_collection(out, WANTED, workers=1)
    assert not is_collection(out)
    (out / ".train_image_data_1.parquet.77.tmp").write_bytes(b"of a run that was killed outright")
    first = (out / "train_image_data_0.parquet").stat().st_mtime_ns
    monkeypatch.setattr(collection_directory.writing, "write_shard", write)
    assert draw_collection(out, WANTED, workers=1)
    assert (out / "train_image_data_0.parquet").stat().st_mtime_ns == first
    assert files(out) == files(drawn)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"images": 51}, "images is 50, asked for 51"),
        ({"seed": 6}, "seed is 5, asked for 6"),
        ({"tests": 4}, "tests is 3, asked for 4"),
        ({"balance": 0.5}, "balance is 0.6, asked for 0.5"),
        ({"graphemes": SOME[:5]}, "its graphemes differ"),
        ({"fonts": ("atma",)}, "its fonts differ"),
    ],
)
def test_other_settings_are_another_place(drawn, change, said):
    before = files(drawn)
    asked = dataclasses.replace(WANTED, **change)
    with pytest.raises(PlaceTaken, match=rf"made with other settings \({said}\); delete it or ch"):
        draw_collection(drawn, asked, workers=1)
    assert files(drawn) == before


def test_a_place_of_something_else_is_left_alone(tmp_path):
    place = tmp_path / "mine"
    place.mkdir()
    (place / "notes.txt").write_text("mine")
    with pytest.raises(PlaceTaken, match="expected nothing there or drawings of this command"):
        draw_collection(place, WANTED, workers=1)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(PlaceTaken, match="expected nothing there"):
        draw_collection(tmp_path / "file", WANTED, workers=1)
    assert [path.name for path in place.iterdir()] == ["notes.txt"]


def test_an_unfinished_place_with_something_else_in_it_is_left_alone(drawn, tmp_path):
    place = tmp_path / "out"
    place.mkdir()
    found = read_json(drawn / "synthesis.json")
    (place / "synthesis.json").write_text(json.dumps({"drawing": found["drawing"]}))
    (place / "mine.txt").write_text("mine")
    with pytest.raises(PlaceTaken, match=r"holds mine\.txt, which isn't this command's"):
        draw_collection(place, WANTED, workers=1)
    assert (place / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["train.csv", ".train.csv.77.tmp", ".synthesis.json.77.tmp"])
def test_a_folder_in_the_place_of_a_file_is_left_alone(drawn, tmp_path, name):
    found = read_json(drawn / "synthesis.json")
    (tmp_path / "synthesis.json").write_text(json.dumps({"drawing": found["drawing"]}))
    (tmp_path / name).mkdir()
    with pytest.raises(PlaceTaken, match=rf"holds {re.escape(name)}, which isn't this command's"):
        draw_collection(tmp_path, WANTED, workers=1)


def test_below_a_file_nothing_can_be_drawn(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="file is no folder, so nothing can be put below it"):
        draw_collection(tmp_path / "file" / "out", WANTED, workers=1)


def test_what_is_whole_is_kept_where_nothing_can_be_written(drawn, monkeypatch):
    monkeypatch.setattr(collection_directory, "locked", lambda path: pytest.fail(f"{path}: made"))
    assert not draw_collection(drawn, WANTED, workers=1)


def test_a_part_of_a_collection_is_none(drawn, tmp_path):
    part = tmp_path / "part"
    part.mkdir()
    for name, data in files(drawn).items():
        (part / name).write_bytes(data)
    assert is_collection(part)
    (part / "train_image_data_1.parquet").write_bytes(b"PAR1")
    assert not is_collection(part)
    assert not is_collection(tmp_path / "nowhere")
    assert draw_collection(part, WANTED, workers=1)  # what is broken is drawn again
    assert files(part) == files(drawn)


def test_what_differs_is_said(drawn):
    asked = Collection(SOME, images=51, tests=3, seed=6, balance=0.6)
    with pytest.raises(PlaceTaken) as error:
        draw_collection(drawn, asked, workers=1)
    assert "(images is 50, asked for 51; seed is 5, asked for 6)" in str(error.value)


def test_a_first_file_that_was_not_finished_is_no_hindrance(drawn, tmp_path):
    place = tmp_path / "out"
    place.mkdir()
    (place / ".synthesis.json.77.tmp").write_text("{")
    assert draw_collection(place, WANTED, workers=1)
    assert files(place) == files(drawn)
    (place / ".notes.77.tmp").write_text("not ours")
    (place / "synthesis.json").unlink()
    with pytest.raises(PlaceTaken, match="found something else"):
        draw_collection(place, WANTED, workers=1)
    assert (place / ".notes.77.tmp").exists()


def test_a_refused_place_gets_no_lock_beside_it(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(PlaceTaken):
        draw_collection(tmp_path / "file", WANTED, workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_root_directory_is_no_place():
    with pytest.raises(PlaceTaken, match="out=/: expected a directory of its own"):
        draw_collection(Path("/"), WANTED, workers=1)


def test_a_csv_that_cannot_be_written_is_a_users_error_and_leaves_no_half(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UserError, match=r"train\.csv: could not be written: No space left"):
        collection_directory.write_tables(tmp_path, "train", SOME)
    assert not list(tmp_path.iterdir())


def test_too_little_disk_is_said_before_anything_is_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Disk", (), {"free": 1_000_000})())
    with pytest.raises(UserError, match=r"drawing 53 images needs 0\.06 GB, .* another directory$"):
        draw_collection(tmp_path / "out", WANTED, workers=1)
    assert not (tmp_path / "out").exists()
