"""Which weights are read together: finished folds of one run, each once."""

import pytest

from graphemes.foundation.errors import DataError
from graphemes.foundation.layout import FoldPaths
from graphemes.network.devices import choose_engine
from graphemes.pipeline.trained_networks import find_weights, load_networks, trained_settings
from worlds import write_fold


def test_one_fold_of_two_runs_is_refused_by_both_names(tmp_path):
    one = write_fold(tmp_path / "one", "0")
    two = write_fold(tmp_path / "two", "0", seed=1)
    engine = choose_engine("cpu", "fp32")
    with pytest.raises(DataError) as refused:
        load_networks([one, two], engine)
    assert f"{two}: is fold 0, as {one} is" in str(refused.value)
    other = write_fold(tmp_path / "other", "1")
    assert len(load_networks([one, other], engine).networks) == 2


def test_an_unfinished_fold_of_a_run_is_left_out_with_a_word_or_refused(tmp_path):
    one = write_fold(tmp_path / "fold0", "0")
    half = write_fold(tmp_path / "fold1", "1", finished=False)
    said: list[str] = []
    assert find_weights([tmp_path], said.append) == [one]
    assert said == [f"{half.parent}: isn't finished, so it is left out"]
    with pytest.raises(DataError, match=r"fold1: isn't finished; train on, or name the finished"):
        find_weights([tmp_path])
    assert find_weights([half.parent]) == [half]  # who names it means it
    one.unlink()
    with pytest.raises(DataError, match=r"no weights\.safetensors"):
        find_weights([tmp_path], said.append)


def test_a_fold_whose_clearing_up_was_cut_short_is_finished(tmp_path):
    one = write_fold(tmp_path / "fold0", "0", finished=False)
    FoldPaths(tmp_path / "fold0").run.write_text("{}")
    assert find_weights([tmp_path]) == [one]


def test_settings_are_read_from_the_weights_file(tmp_path):
    path = write_fold(tmp_path, "0")
    assert trained_settings(path).trunk == "timm/test_resnet"
    for content in (None, b"\x80\x02 a pickle", b"half"):
        path.unlink(missing_ok=True)
        if content:
            path.write_bytes(content)
        with pytest.raises(DataError, match=r"weights\.safetensors: "):
            trained_settings(path)


def test_weights_of_the_demo_on_other_images_are_a_warning(run, kaggle_like, tmp_path):
    path = write_fold(tmp_path / "fold0", "0", demo=True)
    words = {"weights": path, "submission": tmp_path / "s.csv"}
    said = run("predict", data_dir=kaggle_like, work_dir=tmp_path, **words)
    assert said.code == 0, said.err
    assert "WARNING: these weights have learned the demo's drawings, not handwriting" in said.out
