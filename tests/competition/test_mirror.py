"""Addresses: what lies there is read as if it lay here, and only what changed is read again."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pytest

import worlds
from graphemes.competition import remote_blocks
from graphemes.competition.mirror import mirror
from graphemes.competition.pointers import Pointer, read_pointer
from graphemes.competition.remote_directory import open_directory
from graphemes.competition.shards import decode, open_shard
from graphemes.competition.writing import write_sample_submission, write_test_csv, write_train_csv
from graphemes.foundation.addresses import Address
from graphemes.foundation.classes import competition_graphemes
from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import PIXELS
from graphemes.foundation.settings.groups import Places
from graphemes.images import streaming
from graphemes.images.ingest import file_stamp
from graphemes.pipeline.training_data import open_training_data
from graphemes.pipeline.workspace import find_workspace

ROWS = 3


@pytest.fixture(scope="module")
def there(tmp_path_factory) -> Path:
    """Shards of two formats, with the tables; no test changes it."""
    directory = tmp_path_factory.mktemp("far") / "data"
    pixels = worlds.random_pixels(2 * ROWS)
    tables = [
        worlds.shard_table(worlds.named(ROWS, first, part), pixels[first : first + ROWS])
        for first, part in ((0, "Train"), (ROWS, "Train"), (0, "Test"))
    ]
    plain = {"compression": "uncompressed"}
    worlds.write_table(directory / "train_image_data_0.parquet", tables[0], row_group_size=2)
    worlds.write_table(directory / "train_image_data_1.feather", tables[1], **plain)
    worlds.write_table(directory / "test_image_data_0.feather", tables[2], **plain)
    write_train_csv(directory / "train.csv", competition_graphemes()[: 2 * ROWS])
    write_test_csv(directory / "test.csv", ROWS)
    write_sample_submission(directory / "sample_submission.csv", ROWS)
    (directory / "class_map.csv").write_text("not wanted\n")
    return directory


@pytest.fixture
def own(there, tmp_path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(there, tmp_path / "own"))


@pytest.fixture
def in_memory(there) -> Iterator[str]:
    """The same files in fsspec's memory, which keeps no times of change."""
    memory = fsspec.filesystem("memory")
    for path in there.iterdir():
        memory.pipe(f"/bucket/data/{path.name}", path.read_bytes())
    yield "memory://bucket/data"
    memory.rm("/bucket", recursive=True)


@pytest.fixture(scope="module")
def bucket(there) -> Iterator[str]:
    """The same files in an S3 server inside this process."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    query = f"endpoint_override=127.0.0.1:{server.get_host_and_port()[1]}&scheme=http"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "somebody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "something")
        storage = pa.fs.FileSystem.from_uri(f"s3://bucket?allow_bucket_creation=true&{query}")[0]
        storage.create_dir("bucket")
        for path in there.iterdir():
            with storage.open_output_stream(f"bucket/data/{path.name}") as file:
                file.write(path.read_bytes())
        yield f"s3://bucket/data?{query}"
        server.stop()


def opened(data_dir: object, work: Path):
    return open_training_data(find_workspace(Places(data_dir=str(data_dir), work_dir=str(work))))


@pytest.fixture(scope="module")
def here(there, tmp_path_factory):
    """What the plain path gives."""
    return opened(there, tmp_path_factory.mktemp("here"))


@pytest.mark.parametrize("where", ["in_memory", "bucket"])
def test_an_address_gives_what_the_path_gives(where, here, tmp_path, request, monkeypatch):
    address = request.getfixturevalue(where)
    far = opened(address, tmp_path)
    assert far.store.digest == here.store.digest
    assert far.digest == here.digest
    np.testing.assert_array_equal(far.store.pixels, here.store.pixels)

    # A second time, as in another process, no shard is read.
    open_directory.cache_clear()

    def never(pointer: Pointer) -> None:
        raise AssertionError(f"{pointer} is read again")

    monkeypatch.setattr(Pointer, "open", never)
    assert opened(address, tmp_path).store.digest == here.store.digest


def test_only_tables_and_pointers_are_kept_here(in_memory, tmp_path, there):
    directory = mirror(Address(in_memory), tmp_path)
    kept = {path.name for path in directory.iterdir()}
    assert kept == {path.name for path in there.iterdir()} - {"class_map.csv"}
    for path in directory.iterdir():
        if path.suffix == ".csv":
            assert path.read_bytes() == (there / path.name).read_bytes()
        else:
            assert path.stat().st_size < 200


def test_what_changes_there_changes_here(own, tmp_path):
    address = Address(f"local://{own}")
    directory = mirror(address, tmp_path)
    before = {path.name: file_stamp(path) for path in directory.iterdir()}
    assert before == {path.name: file_stamp(path) for path in own.iterdir() if path.name in before}

    os.utime(own / "train_image_data_0.parquet", ns=(1, 1))
    (own / "train_image_data_1.feather").unlink()
    write_train_csv(own / "train.csv", competition_graphemes()[:ROWS])
    assert mirror(address, tmp_path) == directory
    after = {path.name: file_stamp(path) for path in directory.iterdir()}
    assert before.keys() - after.keys() == {"train_image_data_1.feather"}
    changed = {name for name, stamp in after.items() if stamp != before[name]}
    assert changed == {"train_image_data_0.parquet", "train.csv"}
    assert (directory / "train.csv").read_bytes() == (own / "train.csv").read_bytes()


@pytest.mark.parametrize("form", ["parquet", "feather", "feather V1"])
def test_every_format_is_read_there(form, tmp_path):
    table = worlds.shard_table(worlds.named(ROWS), worlds.random_pixels(ROWS))
    path = tmp_path / "there" / f"train_image_data_0.{form.split()[0]}"
    if form == "feather V1":
        path.parent.mkdir()
        worlds.write_feather_v1(path, table)
    else:
        worlds.write_table(path, table)
    directory = mirror(Address(f"local://{path.parent}"), tmp_path / "cache")
    with open_shard(directory / path.name) as shard:
        out = np.zeros((ROWS, PIXELS), np.uint8)
        decode(shard, out)
        assert shard.format.name == form
    np.testing.assert_array_equal(out, worlds.random_pixels(ROWS))


def test_a_file_in_blocks_is_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(remote_blocks, "BLOCK", 10)
    content = np.random.default_rng(0).bytes(1005)
    (tmp_path / "x").write_bytes(content)
    with pa.OSFile(str(tmp_path / "x")) as plain:
        file = remote_blocks.in_blocks(plain)
        assert file.size() == len(content)
        for start, length in ((0, 1), (7, 6), (9, 1), (990, 15), (1000, 50), (3, 900), (5, 0)):
            file.seek(start)
            assert file.read(length) == content[start : start + length]
        file.seek(3)
        assert file.read() == content[3:]


def test_a_shard_that_changes_meanwhile_is_named(own, tmp_path):
    directory = mirror(Address(f"local://{own}"), tmp_path)
    (own / "train_image_data_0.parquet").write_bytes(b"PAR1 and no more")
    (own / "train_image_data_1.feather").unlink()
    with (
        pytest.raises(
            DataError, match=r"^local://\S+_0\.parquet: changed since it was listed; run"
        ),
        open_shard(directory / "train_image_data_0.parquet"),
    ):
        pass
    with (
        pytest.raises(DataError, match=r"^local://\S+_1\.feather: no such file; is the address"),
        open_shard(directory / "train_image_data_1.feather"),
    ):
        pass


def test_a_damaged_shard_is_named_by_its_address(own, tmp_path):
    path = own / "train_image_data_0.parquet"
    path.write_bytes(path.read_bytes()[:9000])
    directory = mirror(Address(f"local://{own}"), tmp_path)
    with (
        pytest.raises(
            DataError, match=r"^local://\S+_0\.parquet: can't be read as parquet: .*whole"
        ),
        open_shard(directory / path.name),
    ):
        pass


def test_zipped_files_are_named_as_elsewhere(own, tmp_path, run):
    for name in ("train_image_data_0.parquet", "train.csv"):
        (own / name).rename(own / f"{name}.zip")
    spoken = run("folds", data_dir=f"local://{own}", work_dir=tmp_path / "w")
    assert spoken.code == 2
    assert "train.csv.zip is zipped: unzip it there" in spoken.err
    spoken = run("doctor", data_dir=f"local://{own}", work_dir=tmp_path / "w")
    assert spoken.code == 0
    assert "train_image_data_0.parquet.zip is zipped: unzip it there" in spoken.out


def test_what_only_looks_like_a_pointer_is_none(tmp_path):
    for text in ("", "{}", "[1]", "[" * 4000):
        (tmp_path / "x.parquet").write_text(f"graphemes pointer\n{text}")
        assert read_pointer(tmp_path / "x.parquet") is None
    for text in ("", "x"):
        (tmp_path / "x.parquet").write_text(text)
        assert read_pointer(tmp_path / "x.parquet") is None


def test_a_pointer_in_somebodys_data_set_is_not_followed(own, tmp_path, run):
    directory = mirror(Address(f"local://{own}"), tmp_path)
    copied = Path(shutil.copytree(directory, tmp_path / "given"))
    path = copied / "train_image_data_0.parquet"
    assert read_pointer(directory / path.name) is not None
    assert read_pointer(path) is None
    with pytest.raises(DataError, match="can't be read as parquet"), open_shard(path):
        pass
    spoken = run("folds", data_dir=directory, work_dir=tmp_path / "w")
    assert spoken.code == 2
    assert f"data_dir={directory}: its shards only point to others" in spoken.err


def test_commands_read_from_there(bucket, there, tmp_path, run, monkeypatch):
    weights = worlds.write_fold(tmp_path / "fold0", "0")
    places = {"weights": weights, "workers": 0}
    spoken = [
        run("predict", data_dir=data_dir, work_dir=tmp_path / name, **places)
        for name, data_dir in (("here", there), ("far", bucket))
    ]
    assert [each.code for each in spoken] == [0, 0], spoken[1].err
    for name in ("submission.csv", "probabilities.parquet"):
        written = [tmp_path / place / "submissions" / name for place in ("here", "far")]
        assert written[0].read_bytes() == written[1].read_bytes()
    # Where the disk has no room, from two parts in memory.
    monkeypatch.setattr(streaming, "TOGETHER", 2)
    monkeypatch.setattr(streaming, "usable_memory", lambda: None)
    monkeypatch.setattr(streaming, "_has_room", lambda directory, needed: False)
    streamed = run("predict", data_dir=bucket, work_dir=tmp_path / "full", **places)
    assert streamed.code == 0
    assert "test_image_data_0.feather is read part by part in memory" in streamed.out
    submission = tmp_path / "full" / "submissions" / "submission.csv"
    assert submission.read_bytes() == (tmp_path / "here/submissions/submission.csv").read_bytes()

    doctor = run("doctor", data_dir=bucket, work_dir=tmp_path / "far")
    assert "2 of 2 shards are whole, 6 images" in doctor.out
    assert "9 in sample_submission.csv, all in the shards" in doctor.out


def test_what_is_not_there_is_said_in_a_line(bucket, there, tmp_path, run):
    def refusal(address: str) -> str:
        spoken = run("folds", data_dir=address, work_dir=tmp_path)
        assert spoken.code == 2
        assert spoken.err.count("\n") == 1
        return spoken.err.removeprefix("graphemes: ")

    bare, _, query = bucket.partition("?")
    for address, sentence in {
        f"s3://bucket/nowhere?{query}": "no such directory; is the address right?",
        f"s3://elsewhere/data?{query}": "no such bucket; is the address right?",
        f"s3://bucket?{query}": "no shards and no tables there; set data_dir to",
        f"{bare}/train.csv?{query}": "no such directory",
        f"{bucket}&x=1": "no address that can be opened: Unexpected query parameter",
        "memory://nowhere/at/all": "no such directory; is the address right?",
        f"local://{there}/none": "no such directory",
        "cloud9://bucket/x": "no address that can be opened: Protocol not known: cloud9",
    }.items():
        said = refusal(address)
        assert said.startswith(f"{address}: ")
        assert sentence in said


@pytest.mark.slow
def test_a_storage_that_nobody_answers_for_is_given_up(tmp_path, run):
    address = "s3://bucket/data?endpoint_override=127.0.0.1:9&scheme=http"
    spoken = run("folds", data_dir=address, work_dir=tmp_path)
    assert spoken.code == 2
    assert "is the address right and the network there?" in spoken.err
