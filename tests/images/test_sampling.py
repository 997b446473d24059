"""Everything comes equally often, and an epoch is what its number says, not its history."""

import itertools
from collections import Counter

import numpy as np
import pytest

from graphemes.foundation.settings.types import Share
from graphemes.images.sampling import Batches, CyclingSampler, MixedBatches, RankBatches, SampleKey

SEEDS = (7, 2)  # seed, fold
REAL, SYNTHETIC = np.arange(5, 52), np.arange(100, 129)
SHARES = [Share(0.5, 0.5), Share(0.8, 0.2), Share(0.1, 0.95), Share(0, 0), Share(1, 0.5)]


def mixed(share: Share, epochs: int = 5, size: int = 8, seeds=SEEDS) -> MixedBatches:
    return MixedBatches(REAL, SYNTHETIC, size, share=share, epochs=epochs, seeds=seeds)


def epoch_of(batches: MixedBatches | Batches, epoch: int) -> list[list[SampleKey]]:
    batches.epoch = epoch
    return list(batches)


def synthetic_in(keys: list[SampleKey]) -> int:
    return sum(row >= 100 for _, row in keys)


@pytest.mark.parametrize("cut", [1, 3, 10, 11, 25])
def test_a_deck_goes_on_where_it_was_wherever_it_is_cut(cut):
    sampler = CyclingSampler(np.arange(11), SEEDS)
    whole = sampler.take(0, 75)
    assert [key for start in range(0, 75, cut) for key in sampler.take(start, cut)][:75] == whole
    assert sampler.take(cut, 0) == []


def test_each_row_is_dealt_once_a_round_and_rounds_differ():
    keys = CyclingSampler(np.arange(11), SEEDS).take(0, 44)
    rounds = [keys[start : start + 11] for start in range(0, 44, 11)]
    for number, dealt in enumerate(rounds):
        assert {of for of, _ in dealt} == {number}
        assert sorted(row for _, row in dealt) == list(range(11))
    assert len({tuple(row for _, row in dealt) for dealt in rounds}) == 4


@pytest.mark.parametrize("share", SHARES)
def test_every_epoch_and_every_batch_has_its_share(share):
    batches = mixed(share)
    assert batches.images == 40  # 47 real rows in batches of 8
    for epoch in range(5):
        made = epoch_of(batches, epoch)
        assert [len(batch) for batch in made] == [8] * len(batches) == [8] * 5
        counts = [synthetic_in(batch) for batch in made]
        assert sum(counts) == round(share.at(epoch, 5) * 40) == batches.synthetic[epoch]
        assert max(counts) - min(counts) <= 1


def test_a_share_falls_by_the_same_step_each_epoch():
    assert mixed(Share(0.8, 0.2), epochs=4).synthetic == [32, 24, 16, 8]
    assert mixed(Share(0.8, 0.2), epochs=1).synthetic == [32]


def test_real_and_synthetic_stand_in_no_fixed_order_in_a_batch():
    kinds = {tuple(row >= 100 for _, row in b) for b in epoch_of(mixed(Share(0.5, 0.5)), 0)}
    assert len(kinds) > 1


@pytest.mark.parametrize("share", SHARES)
def test_every_row_is_shown_equally_often_give_or_take_once(share):
    batches = mixed(share, epochs=9)
    shown = Counter({int(row): 0 for row in (*REAL, *SYNTHETIC)})
    for epoch in range(9):
        shown.update(row for batch in epoch_of(batches, epoch) for _, row in batch)
        for rows in (REAL, SYNTHETIC):
            times = [shown[int(row)] for row in rows]
            assert max(times) - min(times) <= 1


@pytest.mark.parametrize("share", SHARES)
def test_no_draw_comes_twice(share):
    batches = mixed(share, epochs=9)
    keys = [key for epoch in range(9) for batch in epoch_of(batches, epoch) for key in batch]
    assert len(set(keys)) == len(keys)


def test_an_epoch_does_not_depend_on_those_before_it():
    batches = mixed(Share(0.8, 0.2))
    in_order = [epoch_of(batches, epoch) for epoch in range(5)]
    for epoch in (4, 1, 3):  # as after a resume
        assert epoch_of(mixed(Share(0.8, 0.2)), epoch) == in_order[epoch]
    assert len({str(made) for made in in_order}) == 5


def test_seeds_and_folds_differ():
    places = [(0, 0), (0, 1), (1, 0)]
    made = [epoch_of(mixed(Share(0.5, 0.5), seeds=seeds), 0) for seeds in places]
    for one, other in itertools.combinations(made, 2):
        assert [c for batch in one for c in batch] != [c for batch in other for c in batch]


def test_a_share_of_1_throughout_deals_only_synthetic_rows_and_all_of_them():
    batches = mixed(Share(1, 1), epochs=29)
    assert batches.images == 24  # 29 synthetic rows in batches of 8
    shown = Counter(
        row for epoch in range(29) for batch in epoch_of(batches, epoch) for _, row in batch
    )
    assert shown == {int(row): 24 for row in SYNTHETIC}


def test_a_share_that_only_begins_at_1_keeps_to_the_real_rows_number():
    assert mixed(Share(1, 0.5)).images == 40


def test_a_share_of_0_is_the_plain_order_where_the_batches_are_full():
    plain = Batches(REAL[:40], 8, SEEDS)
    with_none = MixedBatches(REAL[:40], SYNTHETIC, 8, share=Share(0, 0), epochs=3, seeds=SEEDS)
    for epoch in range(3):
        in_order = [key for batch in epoch_of(plain, epoch) for key in batch]
        assert [key for batch in epoch_of(with_none, epoch) for key in batch] == in_order


def test_fewer_rows_than_a_batch_are_one_batch():
    batches = mixed(Share(0.5, 0.5), size=64)
    assert [len(batch) for batch in epoch_of(batches, 0)] == [47]
    assert synthetic_in(epoch_of(batches, 0)[0]) == 24
    few = MixedBatches(REAL, SYNTHETIC[:2], 8, share=Share(0.9, 0.9), epochs=2, seeds=SEEDS)
    keys = [key for epoch in range(2) for batch in epoch_of(few, epoch) for key in batch]
    assert Counter(row for _, row in keys if row >= 100) == {100: 36, 101: 36}


@pytest.mark.parametrize("pieces", [1, 2])
@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("rows", [47, 11])  # of which 11 are less than a batch
def test_processes_cut_each_batch_into_equal_parts(ranks, pieces, rows):
    parts = ranks * pieces
    real = REAL[:rows]
    share = Share(0.5, 0.5)
    whole: list[Batches | MixedBatches] = [
        Batches(real, 4 * parts, SEEDS, parts),
        MixedBatches(real, SYNTHETIC, 4 * parts, share=share, epochs=3, seeds=SEEDS, parts=parts),
    ]
    for batches in whole:
        own = [list(RankBatches(batches, rank, ranks, pieces)) for rank in range(ranks)]
        assert {len(part) for part in own} == {len(batches) * pieces}
        for step, batch in enumerate(batches):
            cut = [part[step * pieces : (step + 1) * pieces] for part in own]
            assert len({len(piece) for part in cut for piece in part}) == 1
            assert [key for part in cut for piece in part for key in piece] == batch
        assert len(batch) == batches.images // len(batches) <= 4 * parts
        assert len(batch) > 4 * parts - parts or len(batch) > rows - parts


def test_what_can_be_cut_is_what_was_there_before():
    """Two processes with batches of 8 see what one with batches of 16 sees."""
    for parts in (2, 4):
        assert epoch_of(Batches(REAL, 16, SEEDS, parts), 1) == epoch_of(Batches(REAL, 16, SEEDS), 1)
