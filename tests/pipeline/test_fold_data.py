"""The training pictures of a fold: those of each epoch have its size, and are else the same."""

import multiprocessing

import pytest
import torch

from graphemes.foundation.settings.commands import TrainSettings
from graphemes.foundation.settings.groups import Places
from graphemes.pipeline.fold_data import EpochLoader, FoldData
from graphemes.pipeline.fold_rows import FoldRows
from graphemes.pipeline.training_data import TrainingData, open_training_data
from graphemes.pipeline.workspace import find_workspace

CPU = torch.device("cpu")
SIZES = {"image_sizes": "16,24x32", "epochs": 4}


@pytest.fixture(scope="module")
def data(untested, decoded) -> TrainingData:
    return open_training_data(find_workspace(Places(data_dir=str(untested), work_dir=str(decoded))))


def training(data: TrainingData, **values: object) -> EpochLoader:
    """Batches of 8 of 16 real pictures, or of 8 of each kind."""
    settings = TrainSettings(**{"batch_size": 8, "workers": 0, "image_size": "32", **values})
    real, drawn = data.rows[:16], data.rows[16:32]
    return FoldData(settings, data, FoldRows(real, real, real, drawn), (0, 0), CPU).training()


def inks(batches: EpochLoader, epoch: int) -> torch.Tensor:
    return torch.cat([ink for ink, _ in batches.epoch(epoch)])


def test_an_epochs_pictures_have_its_size_and_are_else_the_same(data):
    batches = training(data, **SIZES)
    fixed = {side: training(data, image_size=side, epochs=4) for side in ("16", "24x32")}
    for epoch, side in ((3, "24x32"), (0, "16"), (1, "16"), (2, "24x32")):  # in whatever order
        assert torch.equal(inks(batches, epoch), inks(fixed[side], epoch))


def test_an_epoch_has_its_size_with_drawn_pictures_and_on_a_device(data):
    synthetic = {"synthetic": 16, "synthetic_share": 0.5}
    for values in ({"augment": "device"}, synthetic):
        batches = training(data, **SIZES, **values)
        shapes = [inks(batches, epoch).shape for epoch in range(4)]
        assert shapes == [(16, 1, 16, 16)] * 2 + [(16, 1, 24, 32)] * 2
    assert batches.synthetic_passes(4) == 32
    assert batches.synthetic_passes(3) == 24


def test_workers_stay_while_the_size_does(data):
    batches = training(data, **SIZES, workers=1)

    def worker(epoch: int) -> int:
        assert inks(batches, epoch).shape[0] == 16
        (process,) = multiprocessing.active_children()
        return process.pid

    assert worker(0) == worker(1)
    assert worker(1) != worker(2)


@pytest.mark.parametrize("values", [{}, {"workers": 1}, {"accumulate": 2, "batch_size": 4}])
def test_an_epoch_goes_on_with_any_step_and_knows_its_images(data, values):
    """With drawn pictures too: each batch as it was, and the next epoch whole again."""
    mixed = {"synthetic": 16, "synthetic_share": 0.5}
    pieces = values.get("accumulate", 1)
    for kinds in ({}, mixed):
        batches = training(data, **values, **kinds, epochs=2)
        whole = inks(batches, 0)
        rest = torch.cat([ink for ink, _ in batches.epoch(0, 1)])
        assert torch.equal(rest, whole[8:])
        assert len(inks(batches, 1)) == 16
        number = 2 * pieces - 1  # the last batch
        labels = list(batches.epoch(0))[number][1]
        ids = batches.ids(0, number)
        table = data.labels.set_index("image_id")
        assert table.loc[ids, "vowel_diacritic"].tolist() == labels.vowel.tolist()
