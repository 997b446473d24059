"""Mixing and losses through the command, with drawn images among those whose classes count."""

import json

import numpy as np
import pandas as pd
import pytest
from torch import nn

from graphemes.foundation.heads import HEADS
from graphemes.pipeline import fold_training
from graphemes.training.checkpoints import History
from graphemes.training.fold import train_fold
from graphemes.training.fold_job import FoldJob
from worlds import write_synthetic

EVERYTHING = {
    "mix": "fmix",
    "mix_share": 1,
    "mix_alpha": 0.5,
    "mix_until": 0.75,
    "loss": "adjusted",
    "smoothing": 0.05,
    "hard_examples": 0.5,
    "head_weights": "1:1:1",
    "grapheme_head": "true",
    "deterministic": "true",
}


def test_a_fold_is_trained_with_all_of_it(untested, work, train, tmp_path, monkeypatch):
    counts = []

    def counted(job: FoldJob, network: nn.Module) -> History:
        counts.append(job.counts)
        return train_fold(job, network)

    monkeypatch.setattr(fold_training, "train_fold", counted)
    drawn = write_synthetic(tmp_path / "bars", 20)
    asked = {"data_dir": untested, "work_dir": work, "synthetic": drawn}
    said = train(**asked, **EVERYTHING)
    assert said.code == 0, said.err
    fold = work / "folds" / "fold0"
    log = [json.loads(line) for line in (fold / "log.jsonl").read_text().splitlines()]
    assert np.isfinite([entry["loss"] for entry in log]).all()
    settings = json.loads((fold / "run.json").read_text())["settings"]
    assert {key: str(settings[key]).lower() for key in EVERYTHING} == {
        key: str(float(value)) if isinstance(value, int) else str(value)
        for key, value in EVERYTHING.items()
    }
    # Half of what is shown is drawn, whatever the two numbers of images.
    labels = pd.read_csv(drawn / "train.csv")
    for head, given in zip(HEADS, counts[0], strict=True):
        half = (32 + 20) / 2
        of_drawn = half * np.bincount(labels[head.column], minlength=head.classes) / 20
        of_real = (given - of_drawn) * 32 / half
        assert of_real.sum() == pytest.approx(32)
        assert of_real == pytest.approx(of_real.round())
        assert of_real.min() > -1e-6
