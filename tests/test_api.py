"""Python's door: what the command line does, for a program; its examples run."""

import doctest
import os
import shutil
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from conftest import REPOSITORY, TESTS, train_quickly
from graphemes import api
from graphemes.evaluation.decide import likeliest
from graphemes.foundation.heads import HEADS


@pytest.fixture(scope="module")
def place(kaggle_like, tmp_path_factory) -> Path:
    """Where a run of two folds has been, with its data beside; no test changes it."""
    place = tmp_path_factory.mktemp("program")
    (place / "data").mkdir()
    (place / "data" / "bengaliai-cv19").symlink_to(kaggle_like)
    return train_quickly(place, fold="0,1", data_dir=kaggle_like)


@pytest.fixture
def inside(place, monkeypatch) -> Path:
    monkeypatch.chdir(place)
    return place


def test_the_examples_of_the_docstrings_run(inside):
    found = doctest.testmod(api, raise_on_error=False)
    assert found.attempted > 10
    assert found.failed == 0


def test_a_reader_answers_as_the_submission_does(inside):
    ids, scans = api.read_shards("data/bengaliai-cv19", "test")
    assert len(ids) == TESTS
    table = api.load("folds").predict(scans)
    targets = dict(pd.read_csv("submissions/submission.csv").itertuples(index=False))
    for head in HEADS:
        assert table[head.name].tolist() == [targets[f"{one}_{head.column}"] for one in ids]


def test_a_fold_answers_for_itself_and_probabilities_add_up(inside):
    _, scans = api.read_shards("data/bengaliai-cv19/test_image_data_0.parquet")
    both = api.load(["folds/fold0/weights.safetensors", "folds/fold1"]).probabilities(scans)
    single = [api.load(f"folds/fold{fold}").probabilities(scans) for fold in (0, 1)]
    for head, one, other in zip(both, *single, strict=True):
        np.testing.assert_allclose(head, (one + other) / 2, atol=1e-6)
        np.testing.assert_allclose(head.sum(1), 1, atol=1e-5)


def test_the_best_five_begin_with_the_answer(inside):
    _, scans = api.read_shards("data/bengaliai-cv19", "test")
    table = api.load("folds").predict(scans)
    for row in table.itertuples():
        assert len(row.best) == 5
        assert row.best[0][0] == row.grapheme
        chance = row.root_probability * row.vowel_probability * row.consonant_probability
        assert row.best[0][1] == pytest.approx(chance)
        chances = [chance for _, chance in row.best]
        assert chances == sorted(chances, reverse=True)


def test_every_form_of_a_picture_is_read_alike(inside, tmp_path):
    _, scans = api.read_shards("data/bengaliai-cv19", "test")
    scan = scans[0]
    file = tmp_path / "one.png"
    Image.fromarray(scan).save(file)
    reader = api.load("folds/fold0", batch_size=2)
    forms = {
        "an array": scan,
        "a batch": scan[None],
        "a list": [scan],
        "colours": [np.dstack([scan] * 3)],
        "Pillow's": Image.fromarray(scan),
        "a file": file,
        "a file's name": [str(file)],
    }
    expected = reader.predict(scan).drop(columns="best")
    for name, form in forms.items():
        found = reader.predict(form).drop(columns="best")
        assert ("file" in found) == ("file" in name)
        pd.testing.assert_frame_equal(found.drop(columns="file", errors="ignore"), expected)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_batches_change_nothing(inside, count):
    _, scans = api.read_shards("data/bengaliai-cv19", "test")
    whole = api.load("folds/fold0").probabilities(scans)
    parts = api.load("folds/fold0", batch_size=count).probabilities(list(scans))
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_what_it_saw_is_the_answers_picture(inside):
    _, scans = api.read_shards("data/bengaliai-cv19", "test")
    reader = api.load("folds")
    seen = reader.explain(scans[0])
    assert seen.ink.shape == (32, 32)
    assert seen.labels == likeliest(reader.probabilities(scans[:1])).map(lambda one: int(one[0]))
    assert seen.grapheme == reader.predict(scans[0]).grapheme[0]
    assert all(heat.shape == (32, 32) for heat in seen.heat)


def bomb(path: Path) -> Path:
    """A PNG of 50,000 x 50,000 white pixels in some kilobytes."""
    import struct
    import zlib

    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", 50_000, 50_000, 1, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1000)  # never read
    parts = [chunk(b"IHDR", head), chunk(b"IDAT", rows), chunk(b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return path


WRONG = {
    "no pictures": (lambda _: [], "no pictures: expected one or more"),
    "no array of images": (lambda _: np.zeros((0, 137, 236), np.uint8), "no pictures"),
    "floats": (lambda _: np.zeros((1, 137, 236)), "picture 0: an array of float64"),
    "five axes": (lambda _: np.zeros((1, 1, 1, 1, 1), np.uint8), "an array of shape"),
    "no file": (lambda d: d / "gone.png", "gone.png: can't be read: No such file"),
    "no picture": (lambda d: text(d / "a.png"), "a.png: no picture that can be read"),
    "a bomb": (lambda d: bomb(d / "b.png"), "b.png: a picture of "),
    "half a picture": (lambda d: half(d / "c.png"), "c.png: .*; is it a whole picture"),
    "a number": (lambda _: 7, "pictures: got int; expected an array, a file name"),
    "numbers": (lambda _: [7], "picture 0: an array of shape"),
    "nothing": (lambda _: None, "pictures: got NoneType"),
    "a set": (lambda _: {"a.png"}, "pictures: got set"),
    "not finite": (lambda d: endless(d / "d.tiff"), "d.tiff: pixels that are not finite"),
    "a strip": (lambda d: strip(d / "e.png"), "e.png: a picture of 8 x 999 pixels; .* over 50 "),
    "an empty folder": (lambda d: d, "no picture files; expected .bmp, "),
}


def text(path: Path) -> Path:
    path.write_text("no picture")
    return path


def endless(path: Path) -> Path:
    Image.fromarray(np.full((20, 20), np.nan, np.float32)).save(path)
    return path


def strip(path: Path) -> Path:
    Image.fromarray(np.zeros((999, 8), np.uint8)).save(path)
    return path


def half(path: Path) -> Path:
    random = np.random.default_rng(0).integers(0, 255, (99, 99), np.uint8)
    Image.fromarray(random).save(path)
    path.write_bytes(path.read_bytes()[:3000])
    return path


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_picture_is_a_value_error(case, inside, tmp_path):
    make, why = WRONG[case]
    with pytest.raises(ValueError, match=why) as caught:
        api.load("folds/fold0").predict(make(tmp_path))
    assert "\n" not in str(caught.value)


def test_rules_that_do_not_fit_are_warned_of_and_a_reader_says_its_own(inside, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert api.load("folds").decision.startswith("decide=auto: argmax; no decisions.json besi")
    copied = shutil.copytree("folds/fold0", tmp_path / "fold0")
    (tmp_path / "decisions.json").write_text("{}")
    with pytest.warns(UserWarning, match=r"^decide=auto: argmax; .*decisions\.json") as warned:
        reader = api.load(copied)
    assert reader.decision == str(warned[0].message)
    assert warned[0].filename == __file__
    with pytest.raises(ValueError, match=r"decisions\.json"):
        api.load(copied, decide="prior")


def test_what_has_no_weights_is_a_value_error(inside, tmp_path):
    with pytest.raises(ValueError, match=r"no weights.safetensors there"):
        api.load(tmp_path)
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        api.load(text(tmp_path / "weights.safetensors"))
    with pytest.raises(ValueError, match="device=cuda:9"):
        api.load("folds/fold0", device="cuda:9")
    with pytest.raises(ValueError, match="no train_image_data"):
        api.read_shards(tmp_path)


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda: api.load([]), "path: got NoneType, expected the path of"),
        (lambda: api.load(3), "path: got int, expected the path of"),
        (lambda: api.score([]), "path: got NoneType, expected the path of"),
        (lambda: api.read_shards(None), "path: got NoneType, expected the path of"),
        (lambda: api.load("folds/fold0", device="gpu"), "setting 'device': got 'gpu', expected"),
        (lambda: api.load("folds/fold0", device=None), "setting 'device': got 'None', expected"),
        (lambda: api.load("folds/fold0", precision="fp8"), "setting 'precision': got 'fp8'"),
        (lambda: api.load("folds/fold0", batch_size=0), "setting 'batch_size': got '0', expected"),
        (lambda: api.load("folds/fold0", batch_size=2.5), "setting 'batch_size': got '2.5'"),
        (lambda: api.load("folds/fold0", grapheme_pool="x"), "setting 'grapheme_pool': got 'x'"),
    ],
)
def test_what_was_given_wrongly_is_a_value_error(call, why, inside):
    with pytest.raises(ValueError, match=why):
        call()


def test_a_folder_is_read_but_for_what_other_systems_leave_there(inside, tmp_path):
    _, scans = api.read_shards("data/bengaliai-cv19", "test")
    (tmp_path / "__MACOSX").mkdir()
    for name in ("b.png", "a.PNG"):
        Image.fromarray(scans[0]).save(tmp_path / name)
    for name in ("._b.png", "__MACOSX/b.png", "notes.txt"):
        text(tmp_path / name)
    table = api.load("folds/fold0").predict(tmp_path)
    assert table["file"].tolist() == [str(tmp_path / "a.PNG"), str(tmp_path / "b.png")]
    named = api.load("folds/fold0").predict(np.array([str(tmp_path / "b.png")]))
    assert named["root"][0] == table["root"][1]


def test_a_picture_of_16_bits_is_read_as_one_of_8(inside):
    _, scans = api.read_shards("data/bengaliai-cv19", "test")
    large = np.kron(scans[0], np.ones((9, 9), np.uint8))
    large[0, :2] = 0, 255  # the whole range
    deep = Image.fromarray(large.astype(np.uint16) * 257)
    reader = api.load("folds/fold0")
    found = reader.probabilities([deep, Image.fromarray(large)])
    for head in found:
        np.testing.assert_allclose(head[0], head[1], atol=0.02)


def test_the_callers_picture_is_left_alone(inside, tmp_path):
    random = np.random.default_rng(0).integers(0, 255, (3000, 2400, 3), np.uint8)
    Image.fromarray(random).save(tmp_path / "large.jpg", quality=30)
    with Image.open(tmp_path / "large.jpg") as picture:
        api.load("folds/fold0").predict(picture)
        assert (picture.size, picture.mode) == ((2400, 3000), "RGB")


def test_threads_share_a_reader(inside):
    _, scans = api.read_shards("data/bengaliai-cv19", "test")
    reader = api.load("folds")
    alone = [reader.explain(scan) for scan in scans[:3]]
    expected = reader.predict(scans)
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(reader.predict, [scans] * 4)
        together = list(pool.map(reader.explain, scans[:3]))
        for answer in answers:
            pd.testing.assert_frame_equal(answer, expected)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.heat.root, other.heat.root)


def test_a_program_of_its_own_reads_and_prints_nothing(place, tmp_path):
    program = (
        "import numpy as np\n"
        "from graphemes.api import load\n"
        "load('folds').predict(np.full((3, 137, 236), 255, np.uint8))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-P", "-c", program],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
