"""The demo data: laid out as the competition is; from one seed the same bytes; whole or absent."""

import csv
import json
import multiprocessing
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from graphemes.competition import writing
from graphemes.foundation.classes import competition_graphemes
from graphemes.foundation.errors import PlaceTaken, UserError
from graphemes.foundation.heads import CLASSES, HEADS, HEIGHT, PIXELS, WIDTH
from graphemes.foundation.seeds import WRITER, stream
from graphemes.synthesis.collection import Collection
from graphemes.synthesis.collection_directory import draw_collection
from graphemes.synthesis.demo import is_demo, make_demo
from graphemes.synthesis.existing_drawings import is_collection
from graphemes.synthesis.handwriting.writers import writer
from graphemes.synthesis.jobs import BATCH, Job
from graphemes.synthesis.selection import sample_every_class

SMALL = {"images": CLASSES, "tests": 3, "shards": 2}
# More than a batch, so that two processes have something to share.
TINY = {"images": BATCH + 5, "tests": 1, "shards": 1}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    place = tmp_path_factory.mktemp("demo") / "demo"
    make_demo(place, **SMALL, workers=1)
    return place


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def pixels(path: Path) -> np.ndarray:
    table = pq.read_table(path, columns=[str(k) for k in range(PIXELS)])
    return np.stack([column.to_numpy() for column in table.columns], 1).reshape(-1, HEIGHT, WIDTH)


def files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.fixture(scope="module")
def raced(tmp_path_factory):
    """A directory in which two runs made the same demo at once, each drawing by itself."""
    place = tmp_path_factory.mktemp("raced")
    start = multiprocessing.get_context("spawn")
    runs = [
        start.Process(target=make_demo, args=(place / "demo",), kwargs=TINY | {"workers": 1})
        for _ in range(2)
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join(120)
    assert [run.exitcode for run in runs] == [0, 0]
    return place


def test_two_runs_at_once_make_one_demo(raced):
    assert is_demo(raced / "demo")
    assert {path.name for path in raced.iterdir()} == {"demo", ".demo.lock"}


def test_the_bytes_do_not_depend_on_the_number_of_processes(raced, tmp_path):
    make_demo(tmp_path / "two", **TINY, workers=2)
    assert files(tmp_path / "two") == files(raced / "demo")


def test_another_seed_gives_other_graphemes_and_other_scans():
    texts = [
        [one.text for one in sample_every_class(competition_graphemes(), 20, stream(seed))]
        for seed in (0, 1)
    ]
    assert texts[0] != texts[1]
    here, there = ([Job(seed, 0, k, 3, "ক").render() for k in range(5)] for seed in (0, 1))
    assert all((one != other).any() for one in here for other in there)


def test_training_and_test_images_have_other_writers():
    hands = [{writer(WRITER.stream(0, split, k)) for k in range(20)} for split in (0, 1)]
    assert not hands[0] & hands[1]


def test_it_holds_what_the_competition_holds_and_a_manifest(demo):
    assert {path.name for path in demo.iterdir()} == {
        "train.csv",
        "test.csv",
        "sample_submission.csv",
        "class_map.csv",
        "demo.json",
        *(f"{split}_image_data_{shard}.parquet" for split in ("train", "test") for shard in (0, 1)),
    }
    manifest = json.loads((demo / "demo.json").read_text(encoding="utf-8"))
    assert {"seed", "images", "version"} <= manifest["drawing"].keys()


def test_shards_have_the_genuine_layout(demo):
    for split, count in (("train", SMALL["images"]), ("test", SMALL["tests"])):
        ids = []
        for shard in (0, 1):
            file = pq.ParquetFile(demo / f"{split}_image_data_{shard}.parquet")
            assert file.metadata.num_row_groups == 1
            assert file.metadata.format_version == "1.0"
            assert file.metadata.row_group(0).column(5).compression == "SNAPPY"
            schema = file.schema_arrow
            assert schema.names == ["image_id", *map(str, range(PIXELS)), "__index_level_0__"]
            kinds = {str(kind) for kind in schema.types[1:-1]}
            assert (str(schema.types[0]), kinds, str(schema.types[-1])) == (
                "string",
                {"uint8"},
                "int64",
            )
            assert all(field.nullable for field in schema)
            ends = file.read(columns=["image_id", "__index_level_0__"])
            assert ends.column(1).to_pylist() == list(range(file.metadata.num_rows))
            ids += ends.column(0).to_pylist()
        assert ids == [f"{split.capitalize()}_{k}" for k in range(count)]


def test_pandas_reads_a_shard_as_it_reads_a_genuine_one(demo):
    import pandas as pd

    table = pd.read_parquet(demo / "test_image_data_0.parquet")
    assert list(table.columns) == ["image_id", *map(str, range(PIXELS))]
    assert table.index.tolist() == [0, 1]
    assert (table.dtypes.iloc[1:] == np.uint8).all()


def test_a_shard_gives_back_its_pixels_row_by_row(tmp_path):
    scans = stream(0).integers(0, 256, (3, HEIGHT, WIDTH), dtype=np.uint8)
    writing.write_shard(tmp_path / "shard.parquet", ["a", "b", "c"], scans)
    assert (pixels(tmp_path / "shard.parquet") == scans).all()


def test_the_tables_are_those_of_the_competition(demo):
    train = rows(demo / "train.csv")
    assert list(train[0]) == ["image_id", *(head.column for head in HEADS), "grapheme"]
    assert [row["image_id"] for row in train] == [f"Train_{k}" for k in range(SMALL["images"])]
    known = {(*map(str, one.labels), one.text) for one in competition_graphemes()}
    assert {tuple(row.values())[1:] for row in train} <= known
    test = rows(demo / "test.csv")
    assert [tuple(row.values()) for row in test[:3]] == [
        (f"Test_0_{name}", "Test_0", name)
        for name in ("consonant_diacritic", "grapheme_root", "vowel_diacritic")
    ]
    assert len(test) == 3 * SMALL["tests"]
    sample = rows(demo / "sample_submission.csv")
    assert sample == [{"row_id": row["row_id"], "target": "0"} for row in test]
    classes = rows(demo / "class_map.csv")
    assert len(classes) == CLASSES
    assert classes[168] == {"component_type": "vowel_diacritic", "label": "0", "component": "0"}


@pytest.mark.kaggle
def test_class_map_is_the_genuine_one(demo):
    genuine = next(
        parent / "shared" / "bengaliai-cv19" / "class_map.csv"
        for parent in Path(__file__).resolve().parents
        if (parent / "shared" / "bengaliai-cv19" / "class_map.csv").exists()
    )
    assert (demo / "class_map.csv").read_bytes() == genuine.read_bytes()


def test_a_part_of_the_demo_is_not_taken_for_it(demo, tmp_path):
    assert is_demo(demo)
    assert not is_demo(tmp_path / "absent")
    part = tmp_path / "part"
    part.mkdir()
    for path in demo.iterdir():
        (part / path.name).write_bytes(path.read_bytes())
    assert is_demo(part)
    (part / "test_image_data_1.parquet").write_bytes(b"PAR1")
    assert not is_demo(part)
    with pytest.raises(PlaceTaken, match=r"part: expected demo data or nothing, .*; delete it or"):
        make_demo(part, **SMALL, workers=1)


@pytest.mark.parametrize(
    "manifest", ["", "[]", '{"files": null}', '{"seed": 0}', '{"drawing": {"seed": 0}}']
)
def test_a_damaged_manifest_is_no_demo(tmp_path, manifest):
    (tmp_path / "demo.json").write_text(manifest, encoding="utf-8")
    assert not is_demo(tmp_path)


def test_what_is_there_is_left_alone_and_other_settings_are_an_error(demo):
    before = {path.name: path.stat().st_mtime_ns for path in demo.iterdir()}
    make_demo(demo, **SMALL)
    assert {path.name: path.stat().st_mtime_ns for path in demo.iterdir()} == before
    with pytest.raises(PlaceTaken, match=r"demo data of seed 0, expected seed 7; delete it or"):
        make_demo(demo, seed=7, **SMALL)


def test_another_demo_gives_way_if_asked_but_nothing_else_does(demo, tmp_path):
    place = Path(shutil.copytree(demo, tmp_path / "demo"))
    left = tmp_path / ".demo.77.tmp"  # of a run that was killed
    left.mkdir()
    (place / "train.csv").unlink()
    make_demo(place, images=10, tests=1, shards=1, seed=7, replace=True)
    assert len((place / "train.csv").read_text().splitlines()) == 11
    assert not left.exists()
    (place / "mine.txt").write_text("mine")
    with pytest.raises(PlaceTaken, match=r"expected demo data or nothing, found mine\.txt"):
        make_demo(place, images=12, tests=1, shards=1, replace=True)
    assert (place / "mine.txt").read_text() == "mine"
    assert (place / "train.csv").exists()
    (place / "demo.json").unlink()
    with pytest.raises(PlaceTaken):
        make_demo(place, images=12, tests=1, shards=1, replace=True)


def test_a_demo_of_an_earlier_version_gives_way_if_asked(demo, tmp_path):
    place = Path(shutil.copytree(demo, tmp_path / "demo"))
    record = json.loads((place / "demo.json").read_text())
    earlier = {"seed": 0, "images": SMALL["images"], "version": 9, "files": record["files"]}
    (place / "demo.json").write_text(json.dumps(earlier))
    assert is_demo(place)
    with pytest.raises(PlaceTaken, match="found something else, a part of it or one of an earlier"):
        make_demo(place, **SMALL)
    make_demo(place, images=10, tests=1, shards=1, replace=True)
    assert json.loads((place / "demo.json").read_text())["drawing"]["images"] == 10


def test_a_removal_that_was_cut_short_is_no_hindrance(demo, tmp_path, monkeypatch):
    place = Path(shutil.copytree(demo, tmp_path / "demo"))
    unlink, removed = Path.unlink, []

    def killed(path: Path, **options: object) -> None:
        if len(removed) == 5:
            raise KeyboardInterrupt
        removed.append(path)
        unlink(path, **options)

    monkeypatch.setattr(Path, "unlink", killed)
    with pytest.raises(KeyboardInterrupt):
        make_demo(place, images=10, tests=1, shards=1, replace=True)
    monkeypatch.undo()
    assert not is_demo(place)
    make_demo(place, images=10, tests=1, shards=1, replace=True)
    assert is_demo(place)


@pytest.mark.parametrize("name", ["demo", "demo.json"])
def test_a_file_in_a_demos_place_is_left_alone(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(PlaceTaken, match="expected demo data or nothing, found"):
        make_demo(tmp_path / name, images=10, tests=1, shards=1, replace=True)
    assert (tmp_path / name).read_text() == "mine"


def test_a_folder_that_bears_a_files_name_is_left_alone(demo, tmp_path):
    place = Path(shutil.copytree(demo, tmp_path / "demo"))
    (place / "train.csv").unlink()
    (place / "train.csv").mkdir()
    with pytest.raises(PlaceTaken, match=r"expected demo data or nothing, found train\.csv; move"):
        make_demo(place, images=10, tests=1, shards=1, replace=True)
    assert (place / "demo.json").exists()


def test_half_a_demo_is_never_in_its_place(tmp_path, monkeypatch):
    seen = []

    def killed(path: Path, *_: object) -> None:
        seen.append((tmp_path / "demo").exists())
        raise KeyboardInterrupt

    monkeypatch.setattr(writing, "write_shard", killed)
    with pytest.raises(KeyboardInterrupt):
        make_demo(tmp_path / "demo", images=2, tests=1, shards=1, workers=1)
    assert seen == [False]
    assert [path.name for path in tmp_path.iterdir()] == [".demo.lock"]


def test_a_demo_and_drawings_do_not_take_each_others_place(demo, tmp_path):
    drawings = Collection(competition_graphemes(), images=2, balance=0.6)
    with pytest.raises(PlaceTaken, match="expected nothing there or drawings of this command"):
        draw_collection(demo, drawings, workers=1)
    draw_collection(tmp_path / "out", drawings, workers=1)
    with pytest.raises(PlaceTaken, match="expected demo data or nothing, found class_map"):
        make_demo(tmp_path / "out", **SMALL, replace=True)
    assert is_collection(tmp_path / "out")


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(path: Path, graphemes: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "write_train_csv", full)
    with pytest.raises(UserError, match="demo: could not be written: No space left on device"):
        make_demo(tmp_path / "demo", images=2, tests=1, shards=1, workers=1)
    assert [path.name for path in tmp_path.iterdir()] == [".demo.lock"]
