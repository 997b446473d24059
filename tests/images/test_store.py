import json
import multiprocessing
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import worlds
from graphemes.foundation.errors import DataError, UserError
from graphemes.foundation.heads import HEIGHT, PIXELS, WIDTH
from graphemes.images.fingerprints import fingerprints_of
from graphemes.images.ink import Frame
from graphemes.images.store import open_store, temporary_store

ROWS = 3


def write(path: Path, ids: list[str], pixels: np.ndarray) -> Path:
    """A Feather shard: it takes a tenth of a Parquet shard's time to write."""
    table = worlds.shard_table(ids, pixels)
    return worlds.write_table(path, table, compression="uncompressed")


def write_two(directory: Path) -> list[Path]:
    pixels = worlds.random_pixels(2 * ROWS)
    paths = [directory / f"train_image_data_{number}.feather" for number in (0, 1)]
    write(paths[0], worlds.named(ROWS), pixels[:ROWS])
    write(paths[1], worlds.named(ROWS, first=ROWS), pixels[ROWS:])
    return paths


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> list[Path]:
    """Two shards of three images, which no test changes."""
    return write_two(tmp_path_factory.mktemp("shards"))


@pytest.fixture
def opened(shards, tmp_path):
    """Opens the shards' store in a cache of its own; what is said is in `said`."""

    class Opening:
        said: list[str] = []  # noqa: RUF012  # one object a test
        cache = tmp_path / "cache"

        def __call__(self, sources: list[Path] = shards):
            self.said.clear()
            return open_store(sources, self.cache, "train", self.said.append)

    return Opening()


def state(cache: Path) -> dict[str, tuple[int, int]]:
    return {p.name: (p.stat().st_ino, p.stat().st_mtime_ns) for p in cache.glob("train.[!l]*")}


def test_a_store_holds_every_image_in_order(opened):
    store = opened()
    pixels = worlds.random_pixels(2 * ROWS).reshape(-1, HEIGHT, WIDTH)
    np.testing.assert_array_equal(store.pixels, pixels)
    assert store.ids == worlds.named(2 * ROWS)
    assert store.row_of["Train_4"] == 4
    np.testing.assert_array_equal(store.fingerprints, fingerprints_of(pixels))
    np.testing.assert_array_equal(store.frames, [Frame.of(scan) for scan in pixels])
    assert not store.pixels.flags.writeable
    assert len(opened.said) == 1
    assert opened.said[0].startswith(f"{opened.cache / 'train.npy'}: making it from 2 shards: ")
    np.testing.assert_array_equal(np.load(opened.cache / "train.npy", mmap_mode="r"), pixels)


def test_a_second_opening_leaves_the_files_alone(opened):
    first = opened()
    before = state(opened.cache)
    again = opened()
    assert state(opened.cache) == before
    assert opened.said == []
    assert again.digest == first.digest
    np.testing.assert_array_equal(again.fingerprints, first.fingerprints)
    np.testing.assert_array_equal(again.pixels, first.pixels)


def test_equal_pictures_have_equal_marks():
    pixels = worlds.random_pixels(600)
    pixels[599] = pixels[0]
    fingerprints = fingerprints_of(pixels)
    assert fingerprints.dtype == np.int64
    assert fingerprints[599] == fingerprints[0]
    assert len(set(fingerprints.tolist())) == 599


def test_a_store_is_made_again_when_a_shard_changes(opened, tmp_path):
    sources = write_two(tmp_path / "own")
    first = opened(sources)
    found = sources[0].stat()
    os.utime(sources[0], ns=(found.st_atime_ns, found.st_mtime_ns + 1))
    assert opened(sources).digest == first.digest
    assert "have changed" in opened.said[0]
    write(sources[0], worlds.named(2), worlds.random_pixels(2))
    changed = opened(sources)
    assert "have changed" in opened.said[0]
    assert len(changed.ids) == 5
    assert changed.digest != first.digest
    assert len(opened(sources[:1]).ids) == 2
    assert len(opened.said) == 1


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 20)


def other_version(path: Path) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 0}))


def frames_written(path: Path, bottom: int) -> None:
    facts = np.load(path)
    facts["frame"][0, Frame._fields.index("bottom")] = bottom
    with path.open("wb") as file:
        np.save(file, facts)


DAMAGE = {
    "killed before the json": ("json", Path.unlink),
    "json cut": ("json", cut),
    "json of something else": ("json", lambda path: path.write_text("[]")),
    "another version": ("json", other_version),
    "no pixels": ("npy", Path.unlink),
    "pixels cut": ("npy", cut),
    "no ids": ("ids", Path.unlink),
    "ids cut": ("ids", cut),
    "ids cut at a line": ("ids", lambda path: path.write_text(path.read_text().split("\n")[0])),
    "ids empty": ("ids", lambda path: path.write_text("")),
    "no facts": ("facts", Path.unlink),
    "facts cut": ("facts", cut),
    "facts empty": ("facts", lambda path: path.write_bytes(b"")),
    "facts an archive": ("facts", lambda path: path.write_bytes(b"PK\3\4" + bytes(200))),
    "a frame off its scan": ("facts", lambda path: frames_written(path, 250)),
    "another frame": ("facts", lambda path: frames_written(path, 120)),
}


@pytest.fixture(scope="module")
def whole(shards, tmp_path_factory) -> Path:
    """The cache with a store of the first shard."""
    cache = tmp_path_factory.mktemp("whole")
    open_store(shards[:1], cache, "train", print)
    return cache


@pytest.mark.parametrize("case", DAMAGE)
def test_what_a_killed_run_leaves_is_made_again(opened, shards, whole, case):
    shutil.copytree(whole, opened.cache)
    first = opened(shards[:1])
    assert opened.said == []
    suffix, damage = DAMAGE[case]
    damage(opened.cache / f"train.{suffix}")
    left = [opened.cache / f".train.{ending}.123.tmp" for ending in ("npy", "ids", "json")]
    for path in left:
        path.write_bytes(b"half")
    again = opened(shards[:1])
    assert len(opened.said) == 1
    assert again.digest == first.digest
    np.testing.assert_array_equal(
        again.pixels, worlds.random_pixels(2 * ROWS)[:ROWS].reshape(again.pixels.shape)
    )
    assert not any(path.exists() for path in left)


def test_a_failed_making_leaves_nothing_that_looks_whole(opened, tmp_path):
    sources = write_two(tmp_path / "own")
    sources[1].write_bytes(sources[1].read_bytes()[:-9])
    with pytest.raises(DataError, match="can't be read as feather"):
        opened(sources)
    assert sorted(path.name for path in opened.cache.iterdir()) == ["train.lock"]


def test_the_digest_does_not_depend_on_how_shards_are_written(opened, tmp_path):
    first = opened()
    pixels = worlds.random_pixels(2 * ROWS)
    zstd = tmp_path / "train_image_data_0.parquet"
    worlds.write_shard(zstd, first.ids, pixels, compression="zstd", index=False)
    assert opened([zstd]).digest == first.digest
    groups = tmp_path / "train_image_data_0.feather"
    worlds.write_table(groups, worlds.shard_table(first.ids, pixels), chunksize=4)
    assert opened([groups]).digest == first.digest
    pixels[2, 5] ^= 1
    other = write(tmp_path / "train_image_data_0.feather", worlds.named(2 * ROWS), pixels)
    assert opened([other]).digest != first.digest


def test_an_id_in_two_shards_is_refused(opened, tmp_path):
    sources = write_two(tmp_path / "own")
    write(sources[1], worlds.named(2, first=2), worlds.random_pixels(2))
    with pytest.raises(DataError) as caught:
        opened(sources)
    assert str(caught.value) == (
        f"{sources[1]}: image_id 'Train_2' is in train_image_data_0.feather too; keep one"
    )


def test_an_id_that_would_break_the_list_is_refused(opened, tmp_path):
    path = write(tmp_path / "x.feather", ["a\nb"], worlds.random_pixels(1))
    with pytest.raises(DataError, match=r"image_id 'a\\nb' holds a slash, a tab, a line break"):
        opened([path])


def test_a_full_disk_is_said_before_the_work(opened, monkeypatch):
    from graphemes.foundation import places

    usage = places.shutil.disk_usage(Path.cwd())._replace(free=1000)
    monkeypatch.setattr(places.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(UserError, match=r"a store of 6 images needs .* make room"):
        opened()


def scans(inverted: list[int], rows: int = 2 * ROWS) -> np.ndarray:
    """(rows, PIXELS): a bar of its own on light paper each; those named white on black."""
    pixels = np.full((rows, PIXELS), 250, np.uint8)
    for row, scan in enumerate(pixels):
        scan[row : row + PIXELS // 3] = row
    pixels[inverted] = 255 - pixels[inverted]
    return pixels


def test_scans_white_on_black_are_turned_and_counted_by_file(opened, tmp_path):
    sources = write_two(tmp_path / "own")
    pixels = scans(inverted=[0, 2])
    write(sources[0], worlds.named(ROWS), pixels[:ROWS])
    write(sources[1], worlds.named(ROWS, first=ROWS), pixels[ROWS:])
    store = opened(sources)
    np.testing.assert_array_equal(store.pixels.reshape(-1, PIXELS), scans(inverted=[]))
    np.testing.assert_array_equal(store.fingerprints, fingerprints_of(scans(inverted=[])))
    assert opened.said[1:] == [
        "train_image_data_0.feather: 2 of 3 scans are white on black: turned"
        " (invert=false leaves them)"
    ]
    about = json.loads((opened.cache / "train.json").read_text())
    assert [source["turned"] for source in about["sources"]] == [2, 0]


def test_a_store_of_which_nothing_was_turned_serves_whoever_wants_none_turned(tmp_path):
    path = tmp_path / "train_image_data_0.feather"
    write(path, worlds.named(ROWS), scans([], ROWS))
    said: list[str] = []
    for invert, makes in (("auto", True), ("false", False), ("auto", False), ("true", True)):
        said.clear()
        open_store([path], tmp_path / "cache", "train", said.append, invert=invert)
        assert bool(said) == makes, said


def test_invert_is_part_of_what_a_store_is(shards, tmp_path):
    said: list[str] = []
    pixels = worlds.random_pixels(2 * ROWS)

    def made(invert: str) -> np.ndarray:
        said.clear()
        store = open_store(shards, tmp_path, "train", said.append, invert=invert)
        return store.pixels.reshape(-1, PIXELS)

    np.testing.assert_array_equal(made("true"), 255 - pixels)
    assert said[1] == "train_image_data_0.feather: all 3 scans are turned (invert=true)"
    np.testing.assert_array_equal(made("true"), 255 - pixels)
    assert said == []
    np.testing.assert_array_equal(made("false"), pixels)
    assert len(said) == 1
    assert said[0].endswith("the old one was made with invert=true")
    about = json.loads((tmp_path / "train.json").read_text())
    del about["invert"]  # as stores were written when nothing was turned
    (tmp_path / "train.json").write_text(json.dumps(about))
    made("false")
    assert said == []
    made("auto")
    assert said[0].endswith("the old one was made with invert=false")


def test_a_temporary_store_turns_scans_too(tmp_path):
    path = write(tmp_path / "x.feather", worlds.named(4), scans([1], rows=4))
    said: list[str] = []
    for invert, lies in (("auto", []), ("false", [1]), ("true", [0, 2, 3])):
        with temporary_store(path, tmp_path / "cache", said.append, invert=invert) as store:
            np.testing.assert_array_equal(store.pixels.reshape(-1, PIXELS), scans(lies, rows=4))
    assert [line.split(":")[1] for line in said] == [
        " 1 of 4 scans are white on black",
        " all 4 scans are turned (invert=true)",
    ]


def test_shards_without_rows_make_no_store(opened, tmp_path):
    path = write(tmp_path / "x.feather", [], worlds.random_pixels(0))
    with pytest.raises(DataError, match=r"no rows in x\.feather, expected at least one image"):
        opened([path])
    with (
        pytest.raises(DataError, match="no rows, expected at least one image"),
        temporary_store(path, tmp_path / "cache", print),
    ):
        pass


def open_from_another_process(sources: list[Path], cache: Path, barrier, results) -> None:
    said: list[str] = []
    barrier.wait()
    store = open_store(sources, cache, "train", said.append)
    results.put((store.digest, len(said)))


def test_of_two_processes_one_makes_the_store(shards, tmp_path):
    spawn = multiprocessing.get_context("spawn")
    barrier, results = spawn.Barrier(2), spawn.Queue()
    arguments = (shards, tmp_path, barrier, results)
    processes = [spawn.Process(target=open_from_another_process, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    answers = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    assert answers[0][0] == answers[1][0]
    assert sorted(said for _, said in answers) == [0, 1]


def test_a_temporary_store_leaves_nothing(shards, tmp_path):
    with temporary_store(shards[1], tmp_path / "cache", print) as store:
        assert store.ids == worlds.named(ROWS, first=ROWS)
        pixels = worlds.random_pixels(2 * ROWS)[ROWS:]
        np.testing.assert_array_equal(store.pixels.reshape(-1, PIXELS), pixels)
        assert not store.pixels.flags.writeable
        np.testing.assert_array_equal(store.fingerprints, fingerprints_of(pixels))
    assert list((tmp_path / "cache").iterdir()) == []
