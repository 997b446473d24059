import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import worlds
from graphemes.competition.shards import blocks, decode, find_shards, open_shard
from graphemes.experiments.peak_memory import peak_anonymous_memory
from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import PIXELS

ROWS = 7
IDS = worlds.named(ROWS)
KAGGLE = Path(__file__).parents[3] / "shared" / "bengaliai-cv19"
NAMES = [str(pixel) for pixel in range(PIXELS)]


def decoded(path: Path, **options) -> np.ndarray:
    with open_shard(path) as shard:
        out = np.zeros((shard.rows, PIXELS), np.uint8)
        decode(shard, out, **options)
        return out


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return worlds.random_pixels(ROWS)


@pytest.fixture(scope="module")
def table(pixels) -> pa.Table:
    return worlds.shard_table(IDS, pixels)


@pytest.fixture(scope="module")
def genuine(tmp_path_factory, pixels) -> Path:
    """One shard for the tests that only read or copy it."""
    return worlds.write_shard(
        tmp_path_factory.mktemp("s") / "train_image_data_0.parquet", IDS, pixels
    )


@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"version": "2.6", "compression": "zstd", "nullable": False, "index": False},
        {"compression": "none", "columns": [*np.random.default_rng(1).permutation(PIXELS)]},
        {"row_group_size": 3},
    ],
    ids=["genuine", "zstd", "shuffled", "groups"],
)
def test_decoding_agrees_with_pandas(tmp_path, pixels, layout):
    path = worlds.write_shard(tmp_path / "train_image_data_0.parquet", IDS, pixels, **layout)
    # A tiny budget: many blocks of columns, and no two row groups of three in one block.
    np.testing.assert_array_equal(decoded(path, budget=2500), pixels)
    if "row_group_size" in layout:  # pandas needs gigabytes for seven rows in several row groups
        return
    frame = pd.read_parquet(path)
    np.testing.assert_array_equal(frame[NAMES].to_numpy(), pixels)
    with open_shard(path) as shard:
        assert shard.ids == frame["image_id"].tolist()


@pytest.mark.parametrize("options", [{}, {"compression": "uncompressed", "chunksize": 2}])
def test_decoding_feather_agrees_with_pandas(tmp_path, pixels, options):
    order = [*np.random.default_rng(2).permutation(PIXELS)]
    table = worlds.shard_table(IDS, pixels, columns=order)
    path = worlds.write_table(tmp_path / "train_image_data_0.feather", table, **options)
    frame = pd.read_feather(path)
    np.testing.assert_array_equal(decoded(path, budget=20_000), frame[NAMES].to_numpy())
    with open_shard(path) as shard:
        assert shard.ids == IDS


def test_decoding_feather_of_version_1(tmp_path, pixels):
    order = [*np.random.default_rng(3).permutation(PIXELS)]
    table = worlds.shard_table(IDS, pixels, columns=order, index=False)
    path = worlds.write_feather_v1(tmp_path / "train_image_data_0.feather", table)
    assert path.read_bytes()[:4] == b"FEA1"
    np.testing.assert_array_equal(decoded(path, budget=20_000), pixels)
    with open_shard(path) as shard:
        assert shard.ids == IDS


def test_feather_of_version_1_cut_short_is_said_to_be_unreadable(tmp_path, table):
    path = worlds.write_feather_v1(tmp_path / "train_image_data_0.feather", table)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert complaint(path) == (
        "can't be read as feather V1: it doesn't end as it begins; copy or download it again"
    )


def test_the_format_is_seen_in_the_file_whatever_its_name_ends_with(tmp_path, table, pixels):
    path = worlds.write_table(tmp_path / "x.feather", table, compression="uncompressed")
    np.testing.assert_array_equal(decoded(path.rename(tmp_path / "x.parquet")), pixels)


@pytest.mark.kaggle
def test_decoding_a_genuine_shard_agrees_with_pandas():
    path = KAGGLE / "test_image_data_0.parquet"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    frame = pd.read_parquet(path)
    np.testing.assert_array_equal(decoded(path), frame[NAMES].to_numpy())


def test_progress_counts_every_pixel_once(genuine):
    steps: list[int] = []
    decoded(genuine, budget=10_000, advance=steps.append)
    assert len(steps) > 3
    assert sum(steps) == ROWS * PIXELS


@pytest.mark.parametrize("groups", [[50_210], [500_000], [1] * 300, [3, 100_000, 0, 5, 5], [10**8]])
@pytest.mark.parametrize("budget", [10**5, 2**24])
def test_blocks_cover_each_pixel_once_within_the_budget(groups, budget):
    covered = np.zeros(len(groups), np.int64)
    starts = [0, *np.cumsum(groups)]
    for block in blocks(groups, budget):
        rows = block.rows.stop - block.rows.start
        assert rows == sum(groups[group] for group in block.groups)
        assert block.rows.start == starts[block.groups.start]
        assert rows * len(block.columns) <= budget or len(block.columns) == 1
        covered[block.groups] += len(block.columns)
    assert (covered == PIXELS).all()


def test_small_row_groups_are_read_together():
    assert {block.groups for block in blocks([10] * 100, 2**24)} == {range(100)}


def test_shards_come_by_number_and_parquet_first(tmp_path):
    assert find_shards(tmp_path, "train") == []
    names = [f"train_image_data_{number}.parquet" for number in (10, 9, 0)]
    for name in (*names, "train_image_data_9.feather", "train_image_data_2.feather"):
        (tmp_path / name).touch()
    for name in ("test_image_data_1.parquet", "train_image_data_x.parquet", "train.csv"):
        (tmp_path / name).touch()
    assert [path.name for path in find_shards(tmp_path, "train")] == [
        "train_image_data_0.parquet",
        "train_image_data_2.feather",
        "train_image_data_9.parquet",
        "train_image_data_10.parquet",
    ]
    with pytest.raises(DataError, match="elsewhere: no such directory; set data_dir"):
        find_shards(tmp_path / "elsewhere", "test")


def complaint(path: Path) -> str:
    """What reading the shard ends with: one line that names the file."""
    with pytest.raises(DataError) as caught:
        decoded(path)
    sentence = str(caught.value)
    assert sentence.startswith(f"{path}: ")
    assert "\n" not in sentence
    return sentence.removeprefix(f"{path}: ")


@pytest.mark.parametrize("ending", ["parquet", "feather"])
@pytest.mark.parametrize("content", [b"short", b"PK not an image file " * 50])
def test_another_file_is_said_to_be_unreadable(tmp_path, ending, content):
    path = tmp_path / f"train_image_data_0.{ending}"
    path.write_bytes(content)
    sentence = complaint(path)
    assert sentence.startswith(f"can't be read as {ending}: ")
    assert sentence.endswith("; copy or download it again")


@pytest.mark.parametrize("ending", ["parquet", "feather"])
def test_what_is_no_file_of_images_is_named(tmp_path, ending):
    path = tmp_path / f"train_image_data_0.{ending}"
    path.touch()
    assert complaint(path) == "is empty, 0 bytes; copy or download it again"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(path.name, "pixels")
    assert complaint(path) == f"is a zip archive; rename it to {path.name}.zip and unzip it"
    path.unlink()
    path.mkdir()
    assert complaint(path) == "is a directory, expected a file; put the shard itself there"


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    for ending in ("parquet", "feather"):
        assert complaint(tmp_path / f"train_image_data_0.{ending}") == "no such file"


@pytest.mark.parametrize("kept", [0.5, 0.999])
def test_a_shard_cut_short_is_said_to_be_unreadable(tmp_path, genuine, kept):
    path = Path(shutil.copy(genuine, tmp_path))
    with path.open("rb+") as file:
        file.truncate(int(path.stat().st_size * kept))
    assert complaint(path).startswith("can't be read as parquet: ")


def test_a_damaged_page_is_said_to_be_unreadable(tmp_path, genuine):
    path = Path(shutil.copy(genuine, tmp_path))
    page = pq.ParquetFile(path).metadata.row_group(0).column(5000)
    with path.open("rb+") as file:
        file.seek(page.dictionary_page_offset)
        file.write(b"\xff" * page.total_compressed_size)
    assert complaint(path).startswith("can't be read as parquet: ")


def dictionary(ids: list[str | None]) -> pa.Array:
    """Ids as codes of a dictionary that holds each of them, a null too."""
    return pa.DictionaryArray.from_arrays(pa.array(range(len(ids)), pa.int32()), pa.array(ids))


WRONG = {
    "no id column": (
        lambda table: table.drop_columns("image_id"),
        "no column 'image_id'; is this an image_data shard?",
    ),
    "missing pixel": (
        lambda table: table.drop_columns("77"),
        "32331 pixel columns, expected 32332 (137 x 236, '0' to '32331'), missing: '77';"
        " is this an image_data shard?",
    ),
    "extra pixel": (
        lambda table: table.append_column("32332", table["0"]),
        "32333 pixel columns, expected 32332 (137 x 236, '0' to '32331'), odd: '32332';"
        " is this an image_data shard?",
    ),
    "repeated column": (
        lambda table: table.append_column("5", table["0"]),
        "column '5' occurs more than once; write the shard again",
    ),
    "wrong type": (
        lambda table: table.set_column(9, "8", table["8"].cast(pa.int32())),
        "pixel column '8' is int32, expected uint8; write the shard again",
    ),
    "number as id": (
        lambda table: table.set_column(0, "image_id", pa.array(range(ROWS))),
        "column 'image_id' is int64, expected string; write the shard again",
    ),
    "null pixel": (
        lambda table: table.set_column(
            8001, "8000", pa.array([None, None, 1, 2, 3, 4, 5], pa.uint8())
        ),
        "2 nulls in pixel column '8000', expected none; write the shard again",
    ),
    "null id": (
        lambda table: table.set_column(0, "image_id", pa.array([None, *IDS[1:]])),
        "1 nulls in column 'image_id', expected none; write the shard again",
    ),
    "repeated id": (
        lambda table: table.set_column(0, "image_id", pa.array([*IDS[:-1], IDS[0]])),
        "image_id 'Train_0' occurs 2 times, expected once; write the shard again",
    ),
    "null id in a dictionary": (
        lambda table: table.set_column(0, "image_id", dictionary([*IDS[1:], None])),
        "1 nulls in column 'image_id', expected none; write the shard again",
    ),
    "dictionary of numbers as id": (
        lambda table: table.set_column(0, "image_id", pa.array(range(ROWS)).dictionary_encode()),
        "column 'image_id' is dictionary<values=int64, indices=int32, ordered=0>, expected string;"
        " write the shard again",
    ),
    "bytes as id": (
        lambda table: table.set_column(0, "image_id", pa.array(IDS, pa.binary())),
        "column 'image_id' is binary, expected string; write the shard again",
    ),
    "path as id": (
        lambda table: table.set_column(0, "image_id", pa.array([*IDS[1:], "../x"])),
        "image_id '../x' holds a slash, a tab, a line break or the like, expected a name as"
        " Train_0; rename it",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_table_is_refused_with_a_sentence(tmp_path, table, case):
    wrong, sentence = WRONG[case]
    # The checks don't ask for the format, and Feather is written in a tenth of the time.
    path = worlds.write_table(tmp_path / "x.feather", wrong(table), compression="uncompressed")
    assert complaint(path) == sentence


@pytest.mark.parametrize("case", ["repeated column", "null pixel"])
def test_a_wrong_table_is_refused_in_parquet_too(tmp_path, table, case):
    wrong, sentence = WRONG[case]
    assert complaint(worlds.write_table(tmp_path / "x.parquet", wrong(table))) == sentence


@pytest.mark.parametrize("ending", ["parquet", "feather"])
@pytest.mark.parametrize(
    "ids",
    [
        pa.array(IDS, pa.large_string()),
        pa.array(IDS, pa.string_view()),
        dictionary(IDS),
        pa.DictionaryArray.from_arrays(range(ROWS), pa.array(IDS, pa.large_string())),
    ],
    ids=["large", "view", "dictionary", "dictionary of large"],
)
def test_ids_are_text_in_any_of_arrows_types(tmp_path, table, ending, ids):
    table = table.set_column(0, "image_id", ids)
    with open_shard(worlds.write_table(tmp_path / f"x.{ending}", table)) as shard:
        assert shard.ids == IDS


@pytest.mark.parametrize("ending", ["parquet", "feather"])
def test_a_shard_without_rows_is_whole(tmp_path, table, ending):
    assert decoded(worlds.write_table(tmp_path / f"x.{ending}", table.slice(0, 0))).size == 0


def test_columns_that_are_no_pixels_are_ignored(tmp_path, table, pixels):
    table = table.append_column("writer", pa.array([{"age": 7}] * ROWS))
    path = worlds.write_table(tmp_path / "x.feather", table, compression="uncompressed")
    np.testing.assert_array_equal(decoded(path), pixels)


def test_decoding_into_another_shape_is_our_own_mistake(genuine):
    with (
        open_shard(genuine) as shard,
        pytest.raises(ValueError, match=r"out is \(6, 32332\) uint8"),
    ):
        decode(shard, np.zeros((6, PIXELS), np.uint8))


def write_blank(path: Path, rows: int) -> None:
    """Many rows in one row group: every pixel column is the same array, so little is written."""
    blank = pa.array(np.full(rows, 255, np.uint8))
    arrays = [pa.array(worlds.named(rows)), *[blank] * PIXELS]
    pq.write_table(pa.table(arrays, ["image_id", *NAMES]), path, row_group_size=rows)


def decode_to_disk(path: Path, target: Path) -> int:
    with open_shard(path) as shard:
        out = np.memmap(target, np.uint8, "w+", shape=(shard.rows, PIXELS))
        decode(shard, out)
        return int(out[-1, -1])


@pytest.mark.slow
def test_memory_does_not_grow_with_rows(tmp_path):
    peaks = []
    for rows in (1_000, 40_000):
        path = tmp_path / f"{rows}.parquet"
        write_blank(path, rows)
        last, peak = peak_anonymous_memory(decode_to_disk, path, tmp_path / "out")
        assert last == 255
        peaks.append(peak)
    if peaks[0] is None:
        pytest.skip("anonymous memory is known on Linux only")
    assert peaks[1] < peaks[0] + 150e6  # the images themselves would be 1.3 GB
