"""Files of strangers: nothing in them runs, and none of a few kilobytes fills the memory."""

import ast
import json
import multiprocessing
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

import fuzzing
import worlds
from conftest import REPOSITORY
from graphemes.competition import shards
from graphemes.foundation.heads import COLUMNS, HEADS

ROOM = 300e6  # bytes


def faults(text: str) -> list[str]:
    """What in a source could run what comes from a file."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            given = {word.arg: ast.unparse(word.value) for word in node.keywords}
            if (
                called in ("eval", "exec", "compile", "os.system", "os.popen", "__import__")
                or called.split(".")[0] in ("pickle", "marshal", "shelve", "dill", "joblib")
                or called.split(".")[0] == "yaml"
                or (called == "torch.load" and given.get("weights_only") != "True")
                or called in ("torch.jit.load", "torch.hub.load", "np.fromregex", "pd.read_pickle")
                or given.get("allow_pickle", "False") != "False"
                or given.get("shell", "False") != "False"
            ):
                found.append(f"{node.lineno}: {ast.unparse(node)}")
        elif isinstance(node, ast.ImportFrom) and node.module in ("pickle", "marshal", "yaml"):
            names = {one.name for one in node.names} - {"PickleError", "UnpicklingError"}
            found += [f"{node.lineno}: {name}" for name in names]
    return found


def test_nothing_from_a_file_is_run():
    sources = sorted((REPOSITORY / "src").rglob("*.py"))
    assert len(sources) > 200
    found = {str(path): faults(path.read_text(encoding="utf-8")) for path in sources}
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    [
        "pickle.load(file)",
        "pickle.loads(content)",
        "from pickle import loads",
        "eval(text)",
        "exec(text)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "torch.load(path, weights_only=sure)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text)",
        "subprocess.run(line, shell=True)",
    ],
)
def test_what_could_run_a_file_is_found(line):
    assert len(faults(line)) == 1


def test_what_runs_nothing_is_let_be():
    lines = ["torch.load(p, weights_only=True)", "np.load(p)", "model.eval()", "re.compile(t)"]
    assert faults("\n".join([*lines, "from pickle import UnpicklingError"])) == []


def shard(ids: pa.Array) -> pa.Table:
    blank = pa.array(np.zeros(len(ids), np.uint8))
    return pa.table({"image_id": ids, **{str(k): blank for k in range(fuzzing.COLUMNS)}})


def coded(rows: int, text: str) -> pa.Array:
    """One text in each row: a few bytes, of which gigabytes may be put out."""
    return pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), pa.array([text]))


def long_ids(rows: int = 150, length: int = 1_000_000) -> pa.Array:
    return pa.array([f"{row}{'x' * length}" for row in range(rows)], pa.large_string())


def varint(number: int) -> bytes:
    """As Thrift writes a number."""
    number, found = 2 * number, []
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def many_rows_said(path: Path, make: Callable[[pa.Array], pa.Table] = shard) -> None:
    """A footer that says everywhere 10^12 where there are 12,345."""
    pq.write_table(make(coded(12_345, "a")), path, store_schema=False)
    content = path.read_bytes()
    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    footer = content[start:-8].replace(varint(12_345), varint(10**12))
    assert footer != content[start:-8]
    path.write_bytes(content[:start] + footer + struct.pack("<I", len(footer)) + b"PAR1")


def footer_beyond(path: Path) -> None:
    pq.write_table(shard(pa.array(["a"])), path)
    path.write_bytes(path.read_bytes()[:-8] + struct.pack("<I", 2**32 - 1) + b"PAR1")


def rows_said(path: Path, **options: object) -> None:
    """A Feather file of 123,457 rows that says everywhere 10^12."""
    table = shard(pa.array([f"{row}" for row in range(123_457)]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pyarrow.feather.write_feather(table, path, **options)
    old, new = (struct.pack("<q", number) for number in (123_457, 10**12))
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))


def packed_buffer_said(path: Path) -> None:
    """A packed buffer that says that it is of 2^40 bytes."""
    ids = pa.array([f"{row}" for row in range(5000)])
    pyarrow.feather.write_feather(shard(ids), path, compression="lz4")
    content = path.read_bytes()
    old = struct.pack("<q", 5000) + b"\x04\x22\x4d\x18"  # LZ4's first bytes
    assert old in content
    path.write_bytes(content.replace(old, struct.pack("<q", 2**40) + old[8:]))


def size_below_zero(path: Path) -> None:
    """A bitmap of nulls that nobody reads says it takes less than nothing, as much as texts do."""
    ids = pa.concat_arrays([long_ids(), pa.array([None], pa.large_string())])
    pyarrow.feather.write_feather(shard(ids), path, compression="zstd")
    content = path.read_bytes()
    first = content.index(b"\x28\xb5\x2f\xfd") - 8  # Zstandard's first bytes, behind a size
    assert struct.unpack_from("<q", content, first) == (19,)  # bytes of bits
    content = content[:first] + struct.pack("<q", -150_000_000) + content[first + 8 :]
    counts, none = struct.pack("<qq", 151, 1), struct.pack("<qq", 151, 0)  # rows, and nulls
    assert counts in content
    path.write_bytes(content.replace(counts, none))


SHARDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "footer beyond the file.parquet": (footer_beyond, "can't be read as parquet: "),
    "rows said.parquet": (many_rows_said, "1,000,000,000,000 rows, expected at most 1,048,576; "),
    "rows.parquet": (
        lambda path: pq.write_table(shard(coded(shards.MOST_ROWS + 1, "a")), path),
        "1,048,577 rows, expected at most 1,048,576; is it whole? A part of so many images may be"
        " in several shards",
    ),
    "one text.parquet": (
        lambda path: pq.write_table(shard(coded(10**6, "x" * 10**6)), path, store_schema=False),
        "an image_id of 1,000,000 bytes, expected at most 255; is this an image_data shard?",
    ),
    "one text.feather": (
        lambda path: pyarrow.feather.write_feather(shard(coded(10**6, "x" * 10**6)), path),
        "an image_id of 1,000,000 bytes, expected at most 255; is this an image_data shard?",
    ),
    "packed.parquet": (
        lambda path: pq.write_table(
            shard(long_ids(30)), path, compression="zstd", use_dictionary=False
        ),
        "can't be read as parquet: a row group: said to be 30",
    ),
    "packed.feather": (
        lambda path: pyarrow.feather.write_feather(shard(long_ids()), path, compression="zstd"),
        "can't be read as feather: column 'image_id' and those read with it: said to be 150",
    ),
    "packed dictionary.feather": (
        lambda path: pyarrow.feather.write_feather(
            shard(long_ids().dictionary_encode()), path, compression="zstd"
        ),
        "can't be read as feather: its dictionaries: said to be 150",
    ),
    "size below zero.feather": (
        size_below_zero,
        "can't be read as feather: a buffer of it is said to take -150000000 bytes",
    ),
    "packed buffer said.feather": (packed_buffer_said, "can't be read as feather: column '"),
    "rows said.feather": (
        lambda path: rows_said(path, chunksize=200_000),
        "1,000,000,000,000 rows, expected at most 1,048,576; ",
    ),
    "rows said, V1.feather": (
        lambda path: rows_said(path, version=1),
        "can't be read as feather V1: its column 'image_id' has 1000000000000 values in ",
    ),
}


def table(ids: pa.Array, values: int | None = None) -> pa.Table:
    """An out-of-fold table, of so many probabilities for each head."""
    zeros = pa.array(np.zeros(len(ids), np.int64))
    columns = {"image_id": ids, "fold": zeros, **dict.fromkeys(COLUMNS, zeros)}
    for head in HEADS:
        count = values or head.classes
        even = np.full(len(ids) * count, 1 / count, np.float32)
        starts = np.arange(0, len(even) + 1, count, dtype=np.int32)
        columns[head.probability_column] = pa.ListArray.from_arrays(starts, even)
    return pa.table(columns)


TABLES: dict[str, tuple[Callable[[Path], object], str]] = {
    "rows said.parquet": (
        lambda path: many_rows_said(path, table),
        "1,000,000,000,000 rows, expected at most 1,048,576 of a file of its size; is it whole?",
    ),
    "one text.parquet": (
        lambda path: pq.write_table(table(coded(1000, "x" * 10**6)), path, store_schema=False),
        "image_id: a text of 1,000,000 bytes, expected at most 255; make it again",
    ),
    "long lists.parquet": (
        lambda path: pq.write_table(table(coded(1000, "a"), 2**13), path),
        "probability_grapheme_root: 8,",
    ),
}


def header(content: dict[str, object] | bytes, length: int | None = None) -> bytes:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text


def huge_network(path: Path) -> None:
    """A record that asks for a network of 5 GB, beside one number."""
    settings = {"trunk": "resnet34", "image_size": "64x64", "crop": "ink"}
    record = worlds.weights_record({**settings, "widths": "2048,2048,2048,2048"}, "0")
    save_file({"trained_on": np.zeros(1)}, path, {"graphemes": json.dumps(vars(record))})


def expanded(path: Path) -> None:
    import torch

    torch.save({"a": torch.zeros(1).expand(10**6, 10**6)}, path)


def packed_archive(path: Path) -> None:
    import torch

    torch.save({"a": torch.zeros(2 * 10**7)}, path)
    with zipfile.ZipFile(path) as archive:
        content = {one: archive.read(one) for one in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, one in content.items():
            archive.writestr(name, one)
    assert path.stat().st_size < 4e6


TERABYTES = {"a": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}}
WEIGHTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "header.safetensors": (
        lambda path: path.write_bytes(header({}, 2**62)),
        "not a whole safetensors file (",
    ),
    "terabytes.safetensors": (
        lambda path: path.write_bytes(header(TERABYTES)),
        "not a whole safetensors file (",
    ),
    "nested.safetensors": (
        lambda path: path.write_bytes(header(b"[" * 10**6)),
        "not a whole safetensors file (",
    ),
}
OURS = {
    **WEIGHTS,
    "nested record.safetensors": (
        lambda path: save_file({"a": np.ones(1)}, path, {"graphemes": "[" * 10**6}),
        "its record can't be read (",
    ),
    "network.safetensors": (huge_network, "tensor 'trunk.stem.0.weight' is missing; is it of"),
}
OTHERS = {
    **WEIGHTS,
    "expanded.pth": (expanded, "its tensor 'a' isn't all there, or sparse; save it as it is"),
    "packed.pth": (packed_archive, "it is a packed archive; save it with torch.save, or unpacked"),
}


def chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def png(width: int, height: int, *more: bytes) -> bytes:
    """A whole picture of one bit a pixel as far as its head goes."""
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    parts = [chunk(b"IHDR", head), *more, chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def long_text() -> bytes:
    return chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(50_000_000), 1))


PICTURES: dict[str, tuple[Callable[[Path], object], str]] = {
    "pixels.png": (
        lambda path: path.write_bytes(png(60_000, 60_000)),
        "a picture of too many pixels; make it smaller",
    ),
    "pixels of a strip.png": (
        lambda path: path.write_bytes(png(2**31 - 1, 8)),
        "a picture of too many pixels; make it smaller",
    ),
    "more than we take.png": (
        lambda path: path.write_bytes(png(10_000, 10_000)),
        "a picture of 10,000 x 10,000 pixels; ",
    ),
    "text.png": (
        lambda path: path.write_bytes(png(64, 64, long_text())),
        "can't be read: ",
    ),
}


@pytest.fixture(scope="module")
def process() -> Iterator[ProcessPoolExecutor]:
    """Another process, so that a reader that takes too much takes it there, up to a bound."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as process:
        yield process


READERS = {
    fuzzing.read_shard: SHARDS,
    fuzzing.read_table: TABLES,
    fuzzing.read_weights: OURS,
    fuzzing.read_others: OTHERS,
    fuzzing.read_picture: PICTURES,
}
CASES = [(read, name) for read, cases in READERS.items() for name in cases]


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory as Linux tells it")
@pytest.mark.parametrize(
    ("read", "name"), CASES, ids=[f"{read.__name__}-{name}" for read, name in CASES]
)
def test_what_would_fill_the_memory_is_refused_in_a_sentence(process, tmp_path, read, name):
    make, said = READERS[read][name]
    path = tmp_path / name
    make(path)
    assert path.stat().st_size < 20e6
    process.submit(fuzzing.outcome, read, tmp_path / f"none{path.suffix}").result()  # libraries
    told = process.submit(fuzzing.bounded_outcome, read, path).result()
    assert told["ending"] == "refused", told
    assert str(told["said"]).removeprefix(f"{path}: ").startswith(said)
    assert told["bytes"] < ROOM
    assert told["seconds"] < 10
