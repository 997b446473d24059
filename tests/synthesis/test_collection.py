"""What a collection draws: its splits, shards and manifest."""

import pytest

from graphemes.foundation.classes import competition_graphemes
from graphemes.synthesis.collection import Collection, even_ranges, ranges

SOME = competition_graphemes()[::100]  # 13 graphemes
PLAIN = Collection(SOME, images=50, tests=3, balance=0.6)


def test_shards_cover_the_images():
    assert ranges(45, 20) == [range(20), range(20, 40), range(40, 45)]
    assert even_ranges(10, 4) == [range(3), range(3, 6), range(6, 8), range(8, 10)]
    assert even_ranges(2, 4) == [range(1), range(1, 2)]


def test_a_collection_has_as_many_shards_as_it_asks_for():
    both = Collection(SOME, images=50, tests=3, balance=0.6, shards=2)
    assert both.shards_of("train") == {
        "train_image_data_0.parquet": range(25),
        "train_image_data_1.parquet": range(25, 50),
    }
    assert list(PLAIN.shards_of("test").values()) == [range(3)]


@pytest.mark.parametrize("chosen", [{"calm": True}, {"shards": 2}, {"balance": None}])
def test_what_changes_the_bytes_is_part_of_the_identity(chosen):
    other = Collection(SOME, images=50, tests=3, **{"balance": 0.6, **chosen})
    assert other.identity != PLAIN.identity


def test_the_identity_of_plain_drawings_is_what_earlier_manifests_hold():
    assert list(PLAIN.identity) == [
        *("version", "images", "tests", "seed", "balance", "graphemes", "fonts")
    ]


def test_the_splits_have_other_graphemes_and_other_writers():
    train, test = (PLAIN.jobs(split, PLAIN.sample(split)) for split in ("train", "test"))
    assert [job.text for job in train[:3]] != [job.text for job in test]
    assert {job.split for job in train} == {0}
    assert {job.split for job in test} == {1}
    assert not any(job.calm for job in train)
