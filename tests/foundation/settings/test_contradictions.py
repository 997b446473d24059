"""What contradicts what is said from the words alone: no file is opened, torch isn't imported."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from graphemes.__main__ import COMMANDS
from graphemes.foundation.errors import SettingsError
from graphemes.foundation.settings.commands import MODELS, TrainSettings
from graphemes.foundation.settings.groups import Architecture, Learning
from graphemes.foundation.settings.studies import NetworksSettings
from graphemes.foundation.settings.trunks import (
    OPTIONS,
    SUPPORTED,
    SUPPORTED_BY_TIMM,
    supporting_trunks,
)
from graphemes.foundation.settings.words import read_words

OURS = ", ".join(SUPPORTED)
# A command's words, and the whole sentence.
CONTRADICTIONS = {
    "score oof=a.parquet weights=w.safetensors": (
        "oof and weights are two ways to score; give one of them"
    ),
    "score grapheme_pool=sum": (
        "grapheme_pool=sum: tables hold probabilities that are pooled already; leave it out, or"
        " give weights="
    ),
    "score runs=a,b oof=a.parquet": "runs, oof: two ways to score; give one of them",
    "score runs=a,b weights=w.safetensors": "runs, weights: two ways to score; give one of them",
    "score tta=shifts": (
        "tta=shifts: tables hold probabilities that are averaged already; leave it out, or give"
        " weights="
    ),
    "predict runs=a,b weights=w.safetensors": (
        "runs, weights: runs= reads the test shards with the runs' own weights; leave weights out"
    ),
    "predict runs=a,b images=d": (
        "runs, images: runs= reads the test shards with the runs' own weights; leave images out"
    ),
    "predict shares=0.5,0.5": (
        "shares=0.5,0.5: there are no runs to share; add runs=NAME,NAME, or leave it out"
    ),
    "predict runs=a,b shares=0.5,0.2,0.3": (
        "shares=0.5,0.2,0.3: expected 2, one for each of runs=a,b, got 3"
    ),
    "score shares=equal": (
        "shares=equal: there are no runs to share; add runs=NAME,NAME, or leave it out"
    ),
    "score runs=a,b shares=1": "shares=1: expected 2, one for each of runs=a,b, got 1",
    "predict runs=a,b shares=0.5,0.6": "shares=0.5,0.6: expected a sum of 1, got 1.1",
    "train pseudo_threshold=0.5": (
        "pseudo_threshold=0.5: there are no pseudo labels; add pseudo=PATH, or leave it out"
    ),
    "train pseudo=p.parquet synthetic=d synthetic_share=1": (
        "pseudo, synthetic_share=1: synthetic images train alone, so pseudo labels would not; leave"
        " one of them out"
    ),
    "folds by=grapheme folds=mine.csv": (
        "by=grapheme makes new folds, folds=PATH reads a file; give one of them"
    ),
    "synthesise": "out: expected the directory to draw into, as out=data/drawings",
    "synthesise images=3": "out: expected the directory to draw into, as out=data/drawings",
    "synthesise compare=d balance=0.6": (
        "balance: compare= draws what its images show; leave balance out"
    ),
    "synthesise compare=d tests=0 graphemes=all": (
        "graphemes: compare= draws what its images show; leave graphemes and tests out"
    ),
    "synthesise compare=d images=99": "images=99: expected 100 or more to compare",
    "train synthetic_share=0.5": (
        "synthetic_share=0.5: there are no synthetic images; add synthetic=DIRECTORY or a number"
        " to draw, or leave it out"
    ),
    "train synthetic=d synthetic_share=0": (
        "synthetic, synthetic_share=0: no synthetic image is shown; leave both out, or give"
        " synthetic_share above 0"
    ),
    "train erase_kind=grid": (
        "erase_kind=grid: nothing is erased; leave it out, or give erase=0.5"
    ),
    "train strength=0 blur=0.5 erase=0.25": (
        "erase=0.25: with strength=0 no picture is changed; leave one of both out"
    ),
    "train strength=2 shift=0 scale=0 rotate=0 shear=0": (
        "strength=2: no picture is moved or distorted; leave it out, or give rotate=10"
    ),
    "train fold=9 folds=3": "fold=9: there are 3 folds, expected 0 to 2, all or none",
    "train fold=0,5,7": "fold=5: there are 5 folds, expected 0 to 4, all or none",
    "doctor fold=5": "fold=5: there are 5 folds, expected 0 to 4, all or none",
    "train trunk=timm/resnet18 pretrained=true init=x": (
        "pretrained, init: two ways to begin with weights; give one of them"
    ),
    "train pretrained=true init=x": (
        "pretrained, init: two ways to begin with weights; give one of them"
    ),
    "train trunk=resnet18 pretrained=true": (
        "pretrained=true: trunk=resnet18 has no weights to fetch; expected trunk=timm/NAME; leave"
        " it out, or give init=FILE"
    ),
    "train grapheme_weight=1": (
        "grapheme_weight=1: there is no grapheme head to weigh; leave it out, or give"
        " grapheme_head=true"
    ),
    "train mix_until=0.75": (
        "mix_until=0.75: nothing is mixed; add mix=any, cutmix, mixup, fmix or resizemix, or leave"
        " it out"
    ),
    "train mix=none mix_share=1 mix_alpha=0.2": (
        "mix_share=1: nothing is mixed; add mix=any, cutmix, mixup, fmix or resizemix, or leave it"
        " out"
    ),
    "train mix=cutmix mix_share=0": (
        "mix=cutmix, mix_share=0: nothing is mixed; leave both out, or give mix_share above 0"
    ),
    "train mix=any mix_until=0": (
        "mix=any, mix_until=0: nothing is mixed; leave both out, or give mix_until above 0"
    ),
    "train mix=resizemix mix_alpha=0.2": (
        "mix_alpha=0.2: mix=resizemix draws sizes evenly, by no Beta; leave it out"
    ),
    "train focal_gamma=1": (
        "focal_gamma=1: loss=cross_entropy has none; leave it out, or give loss=focal"
    ),
    "train grapheme_pool=sum": (
        "grapheme_pool=sum: there is no grapheme head to pool; leave it out, or give"
        " grapheme_head=true"
    ),
    "networks grapheme_pool=sum": (
        "grapheme_pool=sum: there is no grapheme head to pool; leave it out, or give"
        " grapheme_head=true"
    ),
    "train trunk=resnet43": (
        "trunk=resnet43: neither one of ours nor timm/NAME; did you mean 'resnet34'? (timm's would"
        " be timm/resnet43)"
    ),
    "train trunk=convnext_tiny": (
        f"trunk=convnext_tiny: neither one of ours nor timm/NAME; there are {OURS} (timm's would"
        " be timm/convnext_tiny)"
    ),
    "networks trunk=resnet18,convnext_tiny": (
        f"trunk=convnext_tiny: neither one of ours nor timm/NAME; there are {OURS} (timm's would"
        " be timm/convnext_tiny)"
    ),
    "networks trunk=article drop_path=0.1 stem=deep": (
        "stem=deep: trunk=article has no such option; leave it out"
    ),
    "train trunk=article widths=8,8,8,8": (
        "widths=8,8,8,8: trunk=article has no such option; leave it out"
    ),
    "train shortcut=none drop_path=0.1": (
        "drop_path=0.1: with shortcut=none nothing is left where a branch is left out; leave one"
        " of both out"
    ),
    "train cycles=5 epochs=4": (
        "cycles=5: epochs=4 has no 5 parts; give at most 4, or more epochs"
    ),
    "train image_sizes=32,48,64 epochs=2": (
        "image_sizes=32x32,48x48,64x64: epochs=2 has no 3 parts; give at most 2, or more epochs"
    ),
    "train swa=2 epochs=1": "swa=2: there is 1 epoch to take weights from; give at most 1",
    "train swa=5 epochs=4": ("swa=5: there are 4 epochs to take weights from; give at most 4"),
    "train swa=3 cycles=2 epochs=4": (
        "swa=3: there are 2 cycles to take weights from; give at most 2"
    ),
    "train swa=3 patience=2": (
        "swa, patience: which epochs are the last isn't known where patience may end them; give"
        " one of them"
    ),
    "train patience=3 fold=none": (
        "patience=3: fold=none has no score to wait for; leave one of both out"
    ),
    "train patience=4 epochs=5": (
        "patience=4: epochs=5 are over before it can end them; leave it out, or give 6 epochs or"
        " more"
    ),
    "networks trunk=timm/x,article stem=deep": (
        "stem=deep: trunk=timm/x has no such option; leave it out"
    ),
    "train device=cpu precision=fp16": (
        "precision=fp16 needs a GPU; on a CPU use precision=bf16 or fp32"
    ),
    "bench what=degradation precision=fp16": (
        "precision=fp16: degradation has no use for it; expected fp32 or bf16"
    ),
    "pack fold=0 weights=none": "fold, weights: two ways to choose weights; give one of them",
}


@pytest.mark.parametrize("line", CONTRADICTIONS)
def test_two_settings_that_contradict_are_a_sentence(line):
    name, *words = line.split()
    with pytest.raises(SettingsError) as caught:
        read_words(MODELS[name], words)
    assert str(caught.value) == CONTRADICTIONS[line]


def test_they_are_said_before_torch_is_imported():
    """Nor anything else that takes long; all in one fresh process."""
    code = f"""
import sys
from graphemes.__main__ import main
for line in {[*CONTRADICTIONS]!r}:
    assert main(line.split()) == 2, line
    assert main([line.split()[0], "help"]) == 0, line
slow = {{"torch", "timm", "numpy", "pandas", "pyarrow", "cv2", "albumentations"}} & set(sys.modules)
assert not slow, slow
"""
    ended = subprocess.run(
        [sys.executable, "-P", "-c", code], check=False, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    wanted = [f"graphemes: {sentence}" for sentence in CONTRADICTIONS.values()]
    assert ended.stderr.splitlines() == wanted


def test_every_command_has_its_settings():
    assert [*MODELS] == [name for name in COMMANDS if name != "test"]


def test_python_is_told_the_same():
    with pytest.raises(ValidationError, match="two ways to begin with weights"):
        TrainSettings(pretrained=True, init="w.safetensors")


@pytest.mark.parametrize(
    "line",
    [
        "train trunk=timm/resnet18 pretrained=true",
        "train grapheme_head=true grapheme_pool=sum grapheme_weight=1",
        "train trunk=article pool=gem",
        "train mix=any mix_share=1 mix_until=0.75 mix_alpha=0.2 loss=adjusted smoothing=0.05",
        "train mix=resizemix mix_share=0.1 loss=focal focal_gamma=1 hard_examples=0.5",
        "train trunk=resnet50 shortcut=pad stem=deep stem_pool=false attention=se pool=max",
        "train trunk=timm/regnety_008 pool=gem drop_path=0.1",
        "train trunk=resnet50 drop_path=0.1 widths=8,16,16,2048 stem=3x3s1",
        "train epochs=5 cycles=5 swa=5 image_sizes=16,16x32,32,32,64 optimiser=muon",
        "train epochs=5 patience=3 cycles=2 optimiser=sgd",
        "train cycles=50 swa=50",
        "train swa=50 strength=0 patience=0 epochs=50",
        "train patience=50 strength=2 shift=0 scale=0 rotate=0 shear=0 blur=0.1",
        "train mix_share=0.5 mix_until=1",
        "train synthetic=d synthetic_share=0:1",
        "networks drop_path=0.1 stem=deep",
        "train synthetic=d synthetic_share=1",
        "train fold=9 folds=mine.csv",
        "train fold=none folds=2",
        "train precision=fp16",
        "train pseudo=p.parquet pseudo_threshold=0.9 synthetic=d synthetic_share=0.5:1",
        "predict runs=a,-,b shares=0.333333,0.333333,0.333334",
        "predict runs=a,b shares=0,1 tta=scales",
        "score runs=a,-",
        "score weights=w.safetensors tta=shifts",
        "score weights=w.safetensors grapheme_pool=none",
        "folds by=grapheme",
        "synthesise compare=d images=100",
        "networks stem=deep",
        "networks drop_path=0.1 trunk=timm/regnety_008",
        "bench what=step precision=fp16",
    ],
)
def test_what_fits_together_passes(line):
    name, *words = line.split()
    assert read_words(MODELS[name], words)


@pytest.mark.parametrize(
    ("trunk", "options", "named"),
    [
        ("timm/resnet18", {"shortcut": "pad"}, "shortcut=pad"),
        ("timm/resnet18", {"shortcut": "none"}, "shortcut=none"),
        ("timm/resnet18", {"attention": "se"}, "attention=se"),
        ("timm/resnet18", {"stem_pool": False}, "stem_pool=false"),
        ("article", {"stem": "3x3"}, "stem=3x3"),
        ("article", {"drop_path": 0.1}, "drop_path=0.1"),
        ("timm/resnet18", {"widths": (8, 8, 16, 16)}, "widths=8,8,16,16"),
    ],
)
def test_an_option_that_a_trunk_does_not_support_is_said(trunk, options, named):
    with pytest.raises(ValidationError) as caught:
        Learning(trunk=trunk, **options)
    said = f"{named}: trunk={trunk} has no such option; leave it out"
    assert said in str(caught.value)


def test_every_option_of_a_network_is_its_trunks_or_lies_outside_of_it():
    outside = {"trunk", "neck", "dropout", "grapheme_head", "grapheme_pool"}
    assert [*OPTIONS] == [key for key in Architecture.model_fields if key not in outside]
    assert {*OPTIONS} == SUPPORTED_BY_TIMM.union(*SUPPORTED.values())


def test_networks_lists_the_trunks_that_support_the_options():
    assert supporting_trunks({}) == tuple(SUPPORTED)
    assert "article" not in supporting_trunks(NetworksSettings(stem="deep").trunk_options())
    assert supporting_trunks({"pool": "gem"}) == tuple(SUPPORTED)
