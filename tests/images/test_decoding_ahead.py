"""Stores come in order, the next one decoded meanwhile; nobody waits for what isn't wanted."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

import worlds
from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import PIXELS
from graphemes.images import decoding_ahead
from graphemes.images.decoding_ahead import stores_ahead


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> list[Path]:
    """Three shards of two images."""
    directory, pixels = tmp_path_factory.mktemp("shards"), worlds.random_pixels(6)
    paths = []
    for number in range(3):
        table = worlds.shard_table(worlds.named(2, 2 * number), pixels[2 * number : 2 * number + 2])
        path = directory / f"test_image_data_{number}.feather"
        paths.append(worlds.write_table(path, table, compression="uncompressed"))
    return paths


def test_all_stores_come_in_order(shards, tmp_path):
    found = [(path, store.ids, np.array(store.pixels)) for path, store in ahead(shards, tmp_path)]
    assert [path for path, *_ in found] == shards
    assert [name for _, ids, _ in found for name in ids] == worlds.named(6)
    pixels = np.concatenate([pixels for *_, pixels in found]).reshape(-1, PIXELS)
    np.testing.assert_array_equal(pixels, worlds.random_pixels(6))
    assert not list(tmp_path.iterdir())


def ahead(shards: list[Path], directory: Path):
    return stores_ahead(shards, directory, print)


@pytest.fixture
def begun(monkeypatch) -> dict[str, threading.Event]:
    """Events of shards whose decoding has begun, by their names."""
    events = {f"test_image_data_{number}.feather": threading.Event() for number in range(3)}
    plain = decoding_ahead.decoded_parts

    def noted(path: Path, *rest, **more):
        events[path.name].set()
        yield from plain(path, *rest, **more)

    monkeypatch.setattr(decoding_ahead, "decoded_parts", noted)
    return events


def test_the_next_is_decoded_while_one_is_used(shards, tmp_path, begun):
    stores = ahead(shards, tmp_path)
    next(stores)
    assert begun[shards[1].name].wait(20)
    time.sleep(0.2)
    assert not begun[shards[2].name].is_set(), "no more than one ahead"
    next(stores)
    assert begun[shards[2].name].wait(20)
    stores.close()


def test_a_damaged_shard_is_named_when_its_turn_comes(shards, tmp_path):
    damaged = tmp_path / "test_image_data_9.feather"
    damaged.write_bytes(shards[1].read_bytes()[:-100])
    stores = ahead([shards[0], damaged], tmp_path)
    assert next(stores)[0] == shards[0]
    with pytest.raises(DataError, match=r"_9\.feather: can't be read"):
        next(stores)


def test_who_ends_early_stops_the_decoding(shards, tmp_path, monkeypatch):
    advanced: list[int] = []

    def endless(path: Path, directory: Path, say, bar, **_):
        if path == shards[0]:
            yield "the first"
        with bar("endless", 1) as advance:
            while True:  # until nobody waits
                advance(1)
                advanced.append(1)
                time.sleep(0.01)

    monkeypatch.setattr(decoding_ahead, "decoded_parts", endless)
    stores = ahead(shards, tmp_path)
    assert next(stores) == (shards[0], "the first")
    started = time.monotonic()
    stores.close()
    assert time.monotonic() - started < 5
    count = len(advanced)
    time.sleep(0.1)
    assert len(advanced) == count
