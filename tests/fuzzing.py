"""Reads damaged files by our readers: python fuzzing.py FOLDER FORMAT FIRST LAST.

A file is made from a valid one by a mutation's number alone, so that one can be made again. Prints
a line of JSON a mutation: before it is read its number, so that whoever started this process knows
what it died of; then how it ended, in what time, and how much memory that took.
"""

import json
import random
import resource
import signal
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq

from graphemes.competition import shards
from graphemes.foundation.errors import DataError, UserError

COLUMNS, ROWS = 12, 9  # of the shards: with 32,332 columns a file would take a second
SECONDS = 20  # after which a reader hangs
ROOM = 4 * 2**30  # bytes of addresses that a reader may ask for, beyond what libraries have
_STATUS = Path("/proc/self/status")
EXTREMES = [0, 1, -1, 2**7, 2**15 - 1, 2**31 - 1, 2**31, -(2**31), 2**40, 2**62, 2**63 - 1]


def _table(ids: pa.Array) -> pa.Table:
    pixels = np.random.default_rng(0).integers(0, 256, (COLUMNS, ROWS), np.uint8)
    columns = {"image_id": ids, **{str(k): pa.array(own) for k, own in enumerate(pixels)}}
    return pa.table({**columns, "__index_level_0__": pa.array(range(ROWS))})


def _parquet(folder: Path) -> None:
    ids = pa.array([f"Train_{row}" for row in range(ROWS)])
    every: list[tuple[pa.Array, dict[str, object]]] = [
        (ids, {"version": "1.0", "compression": "snappy", "store_schema": False}),
        (ids, {"compression": "zstd", "row_group_size": 4}),
        (ids, {"compression": "none", "use_dictionary": False}),
        (ids.dictionary_encode(), {"compression": "gzip", "data_page_version": "2.0"}),
        (ids.cast(pa.large_string()), {"compression": "lz4", "row_group_size": 2}),
        (ids, {"column_encoding": "DELTA_LENGTH_BYTE_ARRAY", "use_dictionary": False}),
    ]
    for number, (values, options) in enumerate(every):
        if "column_encoding" in options:
            options["column_encoding"] = {"image_id": options["column_encoding"]}
        pq.write_table(_table(values), folder / f"{number}.parquet", **options)


def _feather(folder: Path) -> None:
    ids = pa.array([f"Train_{row}" for row in range(ROWS)])
    every: list[tuple[pa.Array, dict[str, object]]] = [
        (ids, {"compression": "uncompressed"}),
        (ids, {"compression": "lz4", "chunksize": 4}),
        (ids, {"compression": "zstd"}),
        (ids.dictionary_encode(), {"compression": "uncompressed"}),
        (ids.cast(pa.string_view()), {"compression": "uncompressed", "chunksize": 3}),
        (ids.cast(pa.large_string()), {"compression": "uncompressed"}),
    ]
    for number, (values, options) in enumerate(every):
        pyarrow.feather.write_feather(_table(values), folder / f"{number}.feather", **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        table = _table(ids).drop_columns("__index_level_0__")
        pyarrow.feather.write_feather(table, folder / "v1.feather", version=1)


def _safetensors(folder: Path) -> None:
    import torch
    from safetensors.torch import save_file

    random = torch.Generator().manual_seed(0)
    tensors = {
        f"layer.{name}": torch.rand(3, 4, generator=random).mul(9).to(getattr(torch, name))
        for name in ("float32", "float16", "bfloat16", "int64", "uint8", "bool")
    }
    save_file(tensors, folder / "0.safetensors")
    save_file(
        {"a": torch.ones(2)}, folder / "1.safetensors", {"graphemes": "{}", "é": "\U0001f600"}
    )


def _pickles(folder: Path) -> None:
    import torch

    random = torch.Generator().manual_seed(0)
    kinds = (torch.float32, torch.float16, torch.int64)
    tensors = {f"layer.{kind}": torch.rand(3, 4, generator=random).to(kind) for kind in kinds}
    for number, zipped in enumerate((True, False)):
        # torchvision's older files aren't; in these torch names tensors by their addresses.
        content = {"state_dict": tensors, "epoch": 3} if number else tensors
        path = folder / f"{number}.pth"
        torch.save(content, path, _use_new_zipfile_serialization=zipped)


def _tables(folder: Path) -> None:
    from graphemes.evaluation.oof import OofTable, write_oof
    from graphemes.foundation.heads import HEADS

    even = HEADS.map(lambda head: np.full((ROWS, head.classes), 1 / head.classes, np.float32))
    truth = HEADS.map(lambda _: np.zeros(ROWS, np.int64))
    ids = [f"Train_{row}" for row in range(ROWS)]
    path = folder / "0.parquet"
    write_oof(path, OofTable(ids, np.zeros(ROWS, np.int64), truth, even, {"data": "d"}))
    table = pq.read_table(path)  # of others: no checksums
    pq.write_table(table, folder / "1.parquet", compression="zstd", row_group_size=4)
    pq.write_table(table, folder / "2.parquet", store_schema=False, data_page_version="2.0")
    rare = {"image_id": "DELTA_LENGTH_BYTE_ARRAY"}
    pq.write_table(table, folder / "3.parquet", use_dictionary=False, column_encoding=rare)


def _weights(folder: Path) -> None:
    import worlds
    from graphemes.foundation.settings.groups import Learning
    from graphemes.network.model import build_network
    from graphemes.network.weights import save_weights

    learning = Learning(trunk="resnet18", widths="8,8,8,8", image_size="32", epochs=1)
    state = build_network(learning, learning.image_size, 0).state_dict()
    record = worlds.weights_record(learning.model_dump(mode="json"), "0")
    save_weights(folder / "0.safetensors", state, record, np.zeros(1, np.int64))


def read_shard(path: Path) -> None:
    """A shard of COLUMNS pixels, whole."""
    shards.PIXELS = COLUMNS
    with shards.open_shard(path) as shard:
        assert all(isinstance(name, str) for name in shard.ids)
        out = np.zeros((shard.rows, COLUMNS), np.uint8)
        shards.decode(shard, out, budget=1024)


def read_table(path: Path) -> None:
    """An out-of-fold table."""
    from graphemes.evaluation.oof import read_oof

    assert all(isinstance(name, str) for name in read_oof(path).image_ids)


def read_others(path: Path) -> None:
    """The tensors of others."""
    from graphemes.network.tensor_files import read_tensors

    try:
        tensors = read_tensors(path)
    except ValueError as error:  # whoever calls it says so
        raise DataError(str(error)) from None
    assert all(bool(one.float().isfinite().all()) for one in tensors.values())


def read_weights(path: Path) -> None:
    """Weights of our own."""
    from graphemes.network.weights import load_weights, trained_on

    network, _ = load_weights(path)
    assert all(bool(one.float().isfinite().all()) for one in network.state_dict().values())
    trained_on(path)


def read_picture(path: Path) -> None:
    """As predict reads images=."""
    from graphemes.pipeline.image_sources import check_image_files, image_files, image_source

    files = image_files(path)
    check_image_files(files)
    image_source(files).scan(0)


class Format(NamedTuple):
    """How some valid files are made, and how such a file is read."""

    make: Callable[[Path], None]
    read: Callable[[Path], None]


FORMATS = {
    "parquet": Format(_parquet, read_shard),
    "feather": Format(_feather, read_shard),
    "safetensors": Format(_safetensors, read_others),
    "tables": Format(_tables, read_table),
    "pickles": Format(_pickles, read_others),
    "weights": Format(_weights, read_weights),
}


def _place(dice: random.Random, content: bytes) -> int:
    """Where: as often near the start or the end, where the tables of contents are, as anywhere."""
    size = len(content)
    near = dice.randrange(1, max(2, min(size, 2048)))
    return min(size - 1, dice.choice([near - 1, size - near, dice.randrange(size)]))


def mutated(dice: random.Random, content: bytes, other: bytes) -> bytes:
    """The content, damaged once or a few times."""
    for _ in range(dice.choice([1, 1, 1, 2, 4])):
        if not content:
            break
        place, long = _place(dice, content), dice.choice([1, 2, 4, 8, 32, 300])
        before, behind = content[:place], content[place:]
        match dice.randrange(8):
            case 0:
                content = before + bytes([behind[0] ^ 1 << dice.randrange(8)]) + behind[1:]
            case 1:
                content = before + dice.randbytes(len(behind[:long])) + behind[long:]
            case 2:
                content = before
            case 3:
                content = before + dice.randbytes(long) + behind
            case 4:
                content = before + behind[long:]
            case 5:
                start = _place(dice, other)
                content = before + other[start : start + long] + behind[long:]
            case 6:
                width, value = dice.choice([1, 2, 4, 8]), dice.choice([*EXTREMES, len(content)])
                number = (value % 256**width).to_bytes(width, "little")
                content = before + number + behind[width:]
            case 7:  # this one's start, the other's end
                content = before + other[_place(dice, other) :]
    return content


def peak_memory(*, reset: bool) -> int:
    """Bytes, the most that this process has had; since the last reset, where there was one."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    status = _STATUS.read_text(encoding="ascii")
    return 1024 * int(next(line for line in status.splitlines() if "VmHWM" in line).split()[1])


def outcome(read: Callable[[Path], None], path: Path) -> dict[str, object]:
    """How it ended: "read", "refused", or what else was raised; what was said; time and memory."""
    before, start, said = peak_memory(reset=True), time.perf_counter(), ""
    try:
        read(path)
        ending = "read"
    except UserError as error:
        said = str(error)
        ending = "refused" if said and "\n" not in said else "no sentence"
    except BaseException as error:  # noqa: BLE001  # that is what is looked for
        ending, said = f"{type(error).__module__}.{type(error).__name__}", str(error)
    seconds, grown = time.perf_counter() - start, peak_memory(reset=False) - before
    return {"ending": ending, "said": said, "seconds": seconds, "bytes": grown}


def limit_memory() -> None:
    """So that a reader that asks for too much fails, and not the machine."""
    taken = 4096 * int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (taken + ROOM, resource.RLIM_INFINITY))


def bounded_outcome(read: Callable[[Path], None], path: Path) -> dict[str, object]:
    """As outcome, of a reader that can't have the machine's memory."""
    limit_memory()
    return outcome(read, path)


def main(folder: Path, name: str, first: int, last: int) -> None:
    """Make the valid files where they aren't there yet, and read those damaged ones."""
    make, read = FORMATS[name]
    seeds = folder / name
    if not seeds.exists():
        seeds.mkdir(parents=True)
        make(seeds)
    valid = sorted(seeds.iterdir())
    for path in valid:  # what libraries load at first isn't a file's doing
        print(json.dumps({"valid": path.name, **outcome(read, path)}), flush=True)
    contents = [path.read_bytes() for path in valid]
    limit_memory()
    for number in range(first, last):
        print(json.dumps({"number": number}), flush=True)
        dice = random.Random(f"{name} {number}")
        chosen = dice.randrange(len(valid))
        path = folder / f"damaged{valid[chosen].suffix}"
        path.write_bytes(mutated(dice, contents[chosen], dice.choice(contents)))
        signal.alarm(SECONDS)
        about = {"number": number, "seed": valid[chosen].name, **outcome(read, path)}
        signal.alarm(0)
        print(json.dumps(about), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:5]))
