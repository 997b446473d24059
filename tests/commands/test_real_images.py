"""The competition's own images, where they lie beside the checkout: -m kaggle."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from conftest import REPOSITORY

SHARED = REPOSITORY.parent / "shared"
pytestmark = [
    pytest.mark.kaggle,
    pytest.mark.skipif(
        not (SHARED / "bengaliai-cv19").is_dir(), reason="no real images beside the checkout"
    ),
]


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> Path:
    """1,000 real training images and the genuine test shards, as Kaggle lays them out."""
    place = tmp_path_factory.mktemp("real") / "bengaliai-cv19"
    tool = SHARED / "tools" / "make_kaggle_dir.py"
    subprocess.run([sys.executable, tool, place, "--images", "1000", "--shards", "2"], check=True)
    return place


def test_five_epochs_on_real_images(real, tmp_path, run):
    said = run(
        data_dir=real,
        work_dir=tmp_path,
        epochs=5,
        image_size=48,
        batch_size=16,
        workers=1,
    )
    assert said.code == 0, said.err
    fold = tmp_path / "folds" / "fold0"
    log = [json.loads(line) for line in (fold / "log.jsonl").read_text().splitlines()]
    assert log[4]["loss"] < log[0]["loss"]
    # 11 vowel signs by guessing the commonest: 1/11.
    assert log[4]["recall"]["vowel"] > 0.12
    submission = pd.read_csv(tmp_path / "submissions" / "submission.csv")
    sample = pd.read_csv(real / "sample_submission.csv")
    assert submission["row_id"].tolist() == sample["row_id"].tolist()
