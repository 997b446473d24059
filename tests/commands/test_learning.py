"""Mixing and losses through the command, with drawn images among those whose classes count."""

import json

import numpy as np

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
}


def test_a_fold_is_trained_with_all_of_it(untested, work, train, tmp_path):
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
