"""Test data of the hidden size: the scans of a training shard again and again, in four test shards.

python hidden_size.py SOURCE OUT [IMAGES]   (SOURCE: the competition's files; 211,000 images)
"""

import shutil
import sys
from pathlib import Path

import numpy as np

from graphemes.competition import writing
from graphemes.competition.shards import decode, find_shards, open_shard
from graphemes.foundation.heads import HEIGHT, PIXELS, WIDTH

SHARDS = 4


def read_all(shard: Path) -> np.ndarray:
    """(N, 137, 236) uint8."""
    with open_shard(shard) as opened:
        scans = np.empty((opened.rows, PIXELS), np.uint8)
        decode(opened, scans)
    return scans.reshape(-1, HEIGHT, WIDTH)


def main(source: Path, out: Path, images: int = 211_000) -> None:
    out.mkdir(parents=True)
    for path in source.iterdir():
        if path.name.startswith("train") or path.name == "class_map.csv":
            shutil.copy(path, out)
    scans = np.concatenate([read_all(path) for path in find_shards(source, "train")])
    for shard, rows in enumerate(np.array_split(np.arange(images), SHARDS)):
        ids = [writing.image_id("test", int(row)) for row in rows]
        path = out / writing.shard_name("test", shard)
        writing.write_shard(path, ids, scans[rows % len(scans)])
        print(f"{path}: {len(ids):,} images, {path.stat().st_size / 1e9:.2f} GB", flush=True)
    writing.write_test_csv(out / "test.csv", images)
    writing.write_sample_submission(out / "sample_submission.csv", images)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:]))
