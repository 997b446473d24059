"""Which test images are predicted, from which shards."""

from pathlib import Path

import pytest

from graphemes.competition.writing import write_sample_submission, write_test_csv
from graphemes.foundation.errors import DataError
from graphemes.pipeline.prediction import NoTestImages, plan_prediction
from worlds import write_test_images


@pytest.fixture
def directory(tmp_path) -> Path:
    """Three test images in two shards, and a third shard without rows."""
    return write_test_images(tmp_path, 2, 1, 0)


def test_a_shard_without_rows_is_no_matter_where_nobody_asks_for_its_images(directory):
    plan = plan_prediction(directory)
    assert [len(ids) for ids in plan.shards.values()] == [2, 1, 0]


def test_a_shard_without_rows_is_named_where_images_are_missing(directory):
    write_test_csv(directory / "test.csv", 5)
    write_sample_submission(directory / "sample_submission.csv", 5)
    with pytest.raises(NoTestImages) as caught:
        plan_prediction(directory)
    assert str(caught.value) == (
        f"{directory / 'test.csv'}: asks for 2 images that are in no test shard, first 'Test_3';"
        " test_image_data_2.feather has no rows: copy or download again"
    )


def test_without_test_shards_there_is_nothing_to_predict(directory):
    for path in directory.glob("test_image_data_*"):
        path.rename(path.with_name(f"{path.name}.zip"))
    with pytest.raises(NoTestImages, match=r"_2\.feather\.zip are zipped: unzip them there"):
        plan_prediction(directory)
    (directory / "test_image_data_0.feather").write_text("damaged")
    with pytest.raises(DataError) as caught:
        plan_prediction(directory)
    assert not isinstance(caught.value, NoTestImages)
