"""Settings are checked at the door, and each refusal is a sentence that says what to type."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from graphemes.foundation.errors import SettingsError
from graphemes.foundation.settings.commands import (
    DoctorSettings,
    FoldsSettings,
    Learning,
    PredictSettings,
    ScoreSettings,
    Settings,
    TrainSettings,
)
from graphemes.foundation.settings.release import PackSettings
from graphemes.foundation.settings.studies import BenchSettings, NetworksSettings
from graphemes.foundation.settings.types import HeadWeights, ImageSize, Share
from graphemes.foundation.settings.words import expectation, help_lines, read_words

MODELS = [
    TrainSettings,
    FoldsSettings,
    ScoreSettings,
    PredictSettings,
    DoctorSettings,
    BenchSettings,
    PackSettings,
]

WEIGHTS = "weights of root, vowel and consonant, not all 0, as 2:1:1"
SHARE = "a share from 0 to 1, as 0.5, or the first and the last epoch's, as 0.8:0.2"


def train(*words: str) -> TrainSettings:
    return read_words(TrainSettings, list(words))


def refusal(*words: str, model: type[Settings] = TrainSettings) -> str:
    with pytest.raises(SettingsError) as caught:
        read_words(model, list(words))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("epoch=3", "unknown setting 'epoch'; did you mean 'epochs'?"),
        ("Fold=0", "unknown setting 'Fold'; did you mean 'fold'?"),
        ("=3", "unknown setting ''; there are "),
        ("fold", "'fold' is no setting; expected key=value, as fold=0"),
        ("--fold", "'--fold' is no setting; expected key=value, as fold=0"),
    ],
)
def test_a_word_that_is_no_setting_is_refused(word, sentence):
    assert refusal(word).startswith(sentence)


def test_an_unguessable_key_is_answered_with_what_there_is():
    said = refusal("zzzzzz=1", model=FoldsSettings)
    assert said == "unknown setting 'zzzzzz'; there are " + ", ".join(FoldsSettings.model_fields)


def test_a_setting_of_another_command_is_unknown():
    assert "unknown setting 'epochs'" in refusal("epochs=3", model=PredictSettings)


def test_a_setting_given_twice_is_refused():
    assert refusal("fold=0", "lr=1", "fold=0") == "setting 'fold' is given twice; give it once"


@pytest.mark.parametrize(
    ("model", "word", "part"),
    [
        (TrainSettings, "fold=0,2,0", "fold=0"),
        (TrainSettings, "fold=1,01", "fold=1"),
        (PredictSettings, "weights=/a,/b,/b", "/b"),
        (ScoreSettings, "oof=/a,/a", "/a"),
        (NetworksSettings, "trunk=article,article", "trunk=article"),
    ],
)
def test_a_part_of_a_list_given_twice_is_refused(model, word, part):
    assert refusal(word, model=model) == f"{part} is given twice; give it once"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("epochs=many", "an integer, at least 1, at most 10000"),
        ("epochs=0", "an integer, at least 1, at most 10000"),
        ("epochs=10001", "an integer, at least 1, at most 10000"),
        ("epochs=1.5", "an integer, at least 1, at most 10000"),
        ("epochs=", "an integer, at least 1, at most 10000"),
        ("batch_size=1", "an integer, at least 2, at most 65536"),
        ("lr=0", "a number, above 0, at most 10"),
        ("lr=nan", "a number, above 0, at most 10"),
        ("lr=inf", "a number, above 0, at most 10"),
        ("clip=inf", "a number, above 0"),
        ("clip=nan", "a number, above 0"),
        ("weight_decay=-0.1", "a number, at least 0, at most 10"),
        ("warmup=1", "a number, at least 0, below 1"),
        ("ema=1", "a number, at least 0, below 1"),
        ("seed=-1", "an integer, at least 0, below 4294967296"),
        ("overwrite=perhaps", "true or false"),
        ("schedule=linear", "onecycle or cosine"),
        ("precision=fp8", "auto, fp32, bf16 or fp16"),
        ("resume=maybe", "auto, true or false"),
        ("recipe=good", "auto, quick, laptop, kaggle, best or reference"),
        ("crop=all", "ink or none"),
        ("erase=1.5", "a number, at least 0, at most 1"),
        ("elastic=-0.1", "a number, at least 0, at most 1"),
        ("erase_kind=circle", "box or grid"),
        ("strength=4", "a number, at least 0, at most 3"),
        ("trunk=timm/", "one of our own that `networks` lists, as resnet34, or timm/NAME"),
        ("limit=1", "an integer, at least 2"),
        ("workers=-1", "an integer, at least 0, at most 64 or auto"),
        ("workers=few", "an integer, at least 0, at most 64 or auto"),
        ("device=gpu", "auto, cpu, mps, cuda or cuda:NUMBER"),
        ("device=cuda:", "auto, cpu, mps, cuda or cuda:NUMBER"),
        ("device=cuda:128", "auto, cpu, mps, cuda or cuda:NUMBER"),
        ("mix=cutout", "none, cutmix, mixup, fmix, resizemix or any"),
        ("mix_share=1.1", "a number, at least 0, at most 1"),
        ("mix_until=1.01", "a number, at least 0, at most 1"),
        ("mix_until=-0.1", "a number, at least 0, at most 1"),
        ("mix_alpha=0", "a number, at least 0.01, at most 100"),
        ("loss=hinge", "cross_entropy, focal, balanced or adjusted"),
        ("smoothing=1", "a number, at least 0, below 1"),
        ("hard_examples=0", "a number, above 0, at most 1"),
        ("head_weights=2:1", WEIGHTS),
        ("head_weights=0:0:0", WEIGHTS),
        ("head_weights=2:-1:1", WEIGHTS),
        ("head_weights=2:nan:1", WEIGHTS),
        ("head_weights=", WEIGHTS),
        ("image_size=8", "a side or HEIGHTxWIDTH, 16 to 1024, as 64 or 137x236"),
        ("image_size=64x", "a side or HEIGHTxWIDTH, 16 to 1024, as 64 or 137x236"),
        ("image_size=64x2048", "a side or HEIGHTxWIDTH, 16 to 1024, as 64 or 137x236"),
        ("image_size=-64", "a side or HEIGHTxWIDTH, 16 to 1024, as 64 or 137x236"),
        ("time_limit=90", "a time, as 8h30m, 45m or 90s"),
        ("time_limit=", "a time, as 8h30m, 45m or 90s"),
        ("time_limit=5m8h", "a time, as 8h30m, 45m or 90s"),
        ("fold=-1", "a fold, as 0; some, as 0,2; all; or none"),
        ("fold=0,", "a fold, as 0; some, as 0,2; all; or none"),
        ("fold=first", "a fold, as 0; some, as 0,2; all; or none"),
        ("folds=1", "a count from 2 to 100, or the path of a .csv"),
        ("folds=101", "a count from 2 to 100, or the path of a .csv"),
        ("folds=-5", "a count from 2 to 100, or the path of a .csv"),
        ("folds=five", "a count from 2 to 100, or the path of a .csv"),
        ("data_dir=", "a path, or an address as s3://bucket/folder"),
        ("submission=", "the path of a .csv"),
        ("submission=folds/fold0/oof.parquet", "the path of a .csv"),
        ("submission=a", "the path of a .csv"),
        (
            "synthetic=",
            "a folder that synthesise made, or how many images to draw, 1 to 10,000,000",
        ),
        ("synthetic_share=1.1", SHARE),
        ("synthetic_share=-0.1", SHARE),
        ("synthetic_share=0.8:1.2", SHARE),
        ("synthetic_share=nan", SHARE),
        ("synthetic_share=half", SHARE),
        ("synthetic_share=0.8:", SHARE),
        ("synthetic_share=0.8:0.5:0.2", SHARE),
        ("synthetic_share=", SHARE),
        (
            "name=a/b",
            "a word of letters, digits, '.', '_', '-', other than fold0, submission and the like",
        ),
    ],
)
def test_a_bad_value_is_answered_with_what_was_expected(word, expected):
    key, _, value = word.partition("=")
    assert refusal(word) == f"setting '{key}': got '{value}', expected {expected}"


def test_a_bad_path_among_several_is_refused():
    said = refusal("weights=a.safetensors,,b.safetensors", model=PredictSettings)
    assert said.endswith("expected a path, or several with commas between")


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("baseline", True),
        ("a", True),
        ("v1.2_x-3", True),
        ("2020", True),
        ("folding", True),
        ("manifold", True),
        ("", False),
        (".", False),
        ("..", False),
        (".hidden", False),
        ("-x", False),
        ("a b", False),
        ("a/b", False),
        ("a\\b", False),
        ("a\t", False),
        ("fold0", False),  # these are places of the run without a name
        ("fold12", False),
        ("folds", False),
        ("fold", False),
        ("folds.csv", False),
        ("folds-by-grapheme.csv", False),
        ("\u0995", False),
    ],
)
def test_a_run_name_is_a_plain_word_that_takes_no_other_place(name, allowed):
    if allowed:
        assert train(f"name={name}").name == name
    else:
        assert refusal(f"name={name}").startswith("setting 'name': got ")


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("image_size=64", ImageSize(64, 64)),
        ("image_size=137x236", ImageSize(height=137, width=236)),
        ("image_size=16x1024", ImageSize(16, 1024)),
        ("time_limit=8h30m", 30_600),
        ("time_limit=45m", 2_700),
        ("time_limit=90s", 90),
        ("time_limit=1h0m1s", 3_601),
        ("fold=0", (0,)),
        ("fold=2,0", (0, 2)),
        ("fold=all", "all"),
        ("fold=none", "none"),
        ("folds=7", 7),
        ("workers=0", 0),
        ("workers=auto", "auto"),
        ("overwrite=true", True),
        ("resume=false", "false"),
        ("lr=1e-3", 0.001),
        ("limit=200", 200),
        ("device=cuda:1", "cuda:1"),
        ("seed=4294967295", 2**32 - 1),
        ("schedule=cosine", "cosine"),
        ("head_weights=1:.5:0", HeadWeights(1.0, 0.5, 0.0)),
        ("head_weights=0.0001:1234:5", HeadWeights(0.0001, 1234.0, 5.0)),
        ("synthetic_share=0.5", Share(0.5, 0.5)),
        ("synthetic_share=.5", Share(0.5, 0.5)),
        ("synthetic_share=0.8:0.2", Share(0.8, 0.2)),
        ("synthetic_share=0:1", Share(0.0, 1.0)),
    ],
)
def test_values_are_read(word, value):
    drawn = ["synthetic=3"] if word.startswith("synthetic_share") else []  # or it's of nothing
    got = getattr(train(word, *drawn), word.partition("=")[0])
    assert got == value
    assert type(got) is type(value)


def test_a_value_may_hold_an_equals_sign_and_a_space(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert train("data_dir=a=b c").data_dir == tmp_path / "a=b c"


def test_paths_are_relative_to_the_caller_and_know_home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert train("folds=mine.csv").folds == tmp_path / "mine.csv"
    assert train("work_dir=../w").work_dir == tmp_path / "../w"
    assert train("init=~/w.safetensors").init == Path("/home/somebody/w.safetensors")
    weights = read_words(PredictSettings, ["weights=a,/b"]).weights
    assert weights == (tmp_path / "a", Path("/b"))


def test_nothing_given_is_the_defaults():
    settings = train()
    assert settings == TrainSettings()
    assert settings.fold == (0,)
    assert settings.folds == 5
    assert settings.model_fields_set == set()


@pytest.mark.parametrize("model", MODELS)
def test_every_default_would_be_accepted_as_a_word(model):
    """Defaults aren't validated when a model is made; so it is done here."""
    written = {
        key: value
        for key, value in model().model_dump(mode="json").items()
        if value is not None and key != "fold"
    }
    assert model.model_validate(written) == model()


@pytest.mark.parametrize("model", MODELS)
def test_settings_are_frozen_and_closed(model):
    settings = model()
    with pytest.raises(ValidationError, match="frozen"):
        settings.device = "cpu"
    with pytest.raises(ValidationError, match="Extra inputs"):
        model(nonsense=1)


def test_values_fill_only_what_was_left_open():
    settings = train("epochs=3", "image_size=64").with_values({"epochs": 9, "lr": 0.5})
    assert (settings.epochs, settings.lr, settings.image_size) == (3, 0.5, ImageSize(64, 64))
    with pytest.raises(ValidationError):
        settings.with_values({"batch_size": -1})


def test_settings_survive_json():
    words = "image_size=137x236 fold=0,2 time_limit=45m name=x synthetic=d synthetic_share=0.80:0.2"
    settings = train(*words.split())
    dumped = settings.model_dump(mode="json")
    assert dumped["image_size"] == "137x236"
    assert dumped["synthetic_share"] == "0.8:0.2"
    assert TrainSettings.model_validate({**dumped, "fold": "0,2"}) == settings


@pytest.mark.parametrize("model", MODELS)
def test_help_tells_each_key_its_meaning_and_what_it_takes(model):
    lines = help_lines(model, {})
    entries = [lines[start : start + 3] for start in range(0, len(lines), 3)]
    assert [head.strip().partition("=")[0] for head, _, _ in entries] == [*model.model_fields]
    for key, (_, meaning, takes) in zip(model.model_fields, entries, strict=True):
        assert meaning.strip() not in ("", "None"), key
        assert takes.strip() not in ("", "text"), key


def test_help_shows_defaults_as_they_are_typed():
    lines = help_lines(TrainSettings, {"epochs": "recipe quick: 4"})
    for line in ("image_size=128x128", "fold=0", "overwrite=false", "folds=5", "name=(none)"):
        assert f"  {line}" in lines
    assert f"  lr={TrainSettings().lr}" in lines
    assert expectation(TrainSettings, "time_limit") == "a time, as 8h30m, 45m or 90s"


def test_what_decides_the_weights_is_apart_from_where_they_are_made():
    assert not Learning.model_fields.keys() & {"data_dir", "work_dir", "name", "device", "workers"}
    assert {"epochs", "lr", "init", "exclude", "limit"} <= Learning.model_fields.keys()


def test_a_share_goes_in_a_straight_line_from_the_first_epoch_to_the_last():
    falling = Share(0.8, 0.2)
    assert [falling.at(epoch, 4) for epoch in range(4)] == pytest.approx([0.8, 0.6, 0.4, 0.2])
    assert [Share(0, 1).at(epoch, 3) for epoch in range(3)] == [0, 0.5, 1]
    assert falling.at(0, 1) == 0.8
    assert [str(share) for share in (falling, Share(0.5, 0.5), Share(1, 1))] == [
        "0.8:0.2",
        "0.5",
        "1",
    ]
    assert [Share(*ends).whole for ends in ((1, 1), (1, 0.5), (0.5, 1))] == [True, False, False]
