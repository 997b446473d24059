"""The table of bad inputs: each is answered in one line that names it and says what to do.

Exit code 2, no traceback, and no file is another than before. Below it, what looks odd and is read.
"""

import json
import os
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors import safe_open

from conftest import QUICK, Spoken, train_quickly
from graphemes.competition import writing
from graphemes.evaluation.oof import read_oof, write_oof
from graphemes.foundation.classes import competition_graphemes
from graphemes.foundation.files import digest
from graphemes.foundation.heads import COLUMNS
from graphemes.foundation.settings.commands import MODELS
from worlds import (
    named,
    random_pixels,
    shard_table,
    unsealed,
    unsealed_record,
    write_fold,
    write_table,
)

IMAGES, TESTS = 40, 3
TINY = {**QUICK, "widths": "8,16,32,64", "tta": "none"}
TRAINING = ("train", "ablate", "folds")  # commands that are given TINY
# Feather, which is written and opened in a tenth of the time of so many columns of Parquet.
SHARD, TEST_SHARD = "train_image_data_0.feather", "test_image_data_0.feather"
TRAIN_CSV, TEST_CSV, SAMPLE = "train.csv", "test.csv", "sample_submission.csv"


@dataclass
class Place:
    """A work directory with a finished run, data, and room for files beside."""

    work: Path
    data: Path  # without test shards, whose opening takes longer than most refusals
    whole: Path  # the same data with them
    aside: Path

    @property
    def fold(self) -> Path:
        return self.work / "folds" / "fold0"

    @property
    def weights(self) -> Path:
        return self.fold / "weights.safetensors"

    def words(self, line: str) -> list[str]:
        """A command line with its places filled in, and those that it doesn't give."""
        words = [self.fill(word) for word in shlex.split(line)]
        if not words or words[0] not in MODELS:
            return words
        given = {word.partition("=")[0] for word in words}
        data = self.whole if words[0] == "predict" else self.data
        own = {"work_dir": self.work, "data_dir": data}
        rest = {**TINY, **own} if words[0] in TRAINING else own
        known = MODELS[words[0]].model_fields
        lacking = {key: value for key, value in rest.items() if key in known and key not in given}
        return [*words, *(f"{key}={value}" for key, value in lacking.items())]

    def fill(self, text: str) -> str:
        return text.format(**vars(self), fold=self.fold)


Spoil = Callable[[Place], object]


@dataclass(frozen=True)
class Bad:
    """One bad input."""

    case: str
    line: str  # the command line
    named: str  # the file or setting that the sentence has to name
    cure: str  # what it has to say that one can do
    spoil: Spoil | None = None  # what is done to a copy of the place before
    slow: bool = False


# What is done to files.


def cut(name: str, size: int = 200) -> Spoil:
    return lambda place: _changed(place, name, lambda content: content[:size])


def bytes_of(name: str, content: bytes) -> Spoil:
    return lambda place: _changed(place, name, lambda _: content)


def text(name: str, old: str, new: str) -> Spoil:
    """Replace a text where it stands first."""

    def change(content: bytes) -> bytes:
        assert old.encode() in content, f"{old} isn't in {name}"
        return content.replace(old.encode(), new.encode(), 1)

    return lambda place: _changed(place, name, change)


def _changed(place: Place, name: str, change: Callable[[bytes], bytes]) -> None:
    path = Path(place.fill(name))
    content = change(path.read_bytes() if path.exists() else b"")
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def gone(*names: str) -> Spoil:
    return lambda place: [Path(place.fill(name)).unlink() for name in names]


def folder(name: str) -> Spoil:
    """A folder where a file is wanted."""

    def make(place: Place) -> None:
        Path(place.fill(name)).unlink(missing_ok=True)
        Path(place.fill(name)).mkdir()

    return make


def cell(name: str, column: str, row: int, value: str) -> Spoil:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[row, column] = value
        return table

    return table_of(name, change)


def table_of(name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Spoil:
    def spoil(place: Place) -> None:
        path = Path(place.fill(name))
        table = change(pd.read_csv(path, dtype=str))
        path.unlink()
        table.to_csv(path, index=False)

    return spoil


def twice(name: str) -> Spoil:
    """The first row once more, as the last."""
    return table_of(name, lambda table: pd.concat([table, table.iloc[:1]]))


def turned(table: pd.DataFrame) -> pd.DataFrame:
    """The folds of the last images for the first."""
    return table.assign(fold=table["fold"].tolist()[::-1])


def shard(ids: list[str | None] | None = None, name: str = SHARD, **layout: Any) -> Spoil:
    """A shard of a few images in the place of one."""
    ids = named(TESTS, part="Train" if name == SHARD else "Test") if ids is None else ids

    def write(place: Place) -> None:
        write_feather(
            (place.data if name == SHARD else place.whole) / name,
            shard_table(ids, random_pixels(len(ids)), **layout),
        )

    return write


def write_feather(path: Path, table: pa.Table) -> None:
    path.unlink(missing_ok=True)
    write_table(path, table, compression="uncompressed")


def pixel(values: list[int | float | None], kind: pa.DataType) -> dict[str, Any]:
    return {"replaced": {"7": pa.array(values, kind)}}


def parquet(name: str, change: Callable[[pa.Table], pa.Table]) -> Spoil:
    def spoil(place: Place) -> None:
        path = Path(place.fill(name))
        pq.write_table(change(pq.read_table(path)), path)

    return spoil


def oof(change: Callable[[pa.Table], pa.Table]) -> Spoil:
    return parquet("{fold}/oof.parquet", change)


def column(name: str, change: Callable[[pa.ChunkedArray], Any]) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.set_column(
        table.schema.get_field_index(name), name, change(table[name])
    )


def first_probability(value: float) -> Spoil:
    """One probability of the first image, and the others as they were."""

    def change(lists: pa.ChunkedArray) -> pa.Array:
        values = np.array(lists.to_pylist(), np.float32)
        values[0, 0] = value
        return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])

    return oof(column("probability_vowel_diacritic", change))


def second_fold(**digests: str) -> Spoil:
    """A fold 1 with the table of fold 0, or with other digests than that."""

    def make(place: Place) -> None:
        path = Path(shutil.copytree(place.fold, place.fold.with_name("fold1"))) / "oof.parquet"
        table = read_oof(path)
        write_oof(path, table, {**table.digests, **digests})

    return make


def other_folds(place: Place) -> None:
    """The other run's table as if it were of another folds.csv."""
    path = place.work / "folds" / "other" / "fold0" / "oof.parquet"
    table = read_oof(path)
    write_oof(path, table, {**table.digests, "folds": "x"})


def json_of(name: str, change: Callable[[dict[str, Any]], object]) -> Spoil:
    def spoil(place: Place) -> None:
        path = Path(place.fill(name))
        value = unsealed(path)
        change(value)
        path.write_text(json.dumps(value))

    return spoil


def decisions(change: Callable[[dict[str, Any]], object]) -> Spoil:
    return json_of("{work}/folds/decisions.json", change)


def tensors(change: Callable[[dict[str, Any]], object]) -> Spoil:
    """Weights with other tensors and the same record."""
    return _weights(lambda found, metadata: change(found))


def record(**values: Any) -> Spoil:
    """Weights with another record and the same tensors."""

    def change(_: dict[str, Any], metadata: dict[str, str]) -> None:
        about = json.loads(metadata["graphemes"])
        settings = {**about["settings"], **values.pop("settings", {})}
        metadata["graphemes"] = json.dumps({**about, "settings": settings, **values})

    return _weights(change)


def _weights(change: Callable[[dict[str, Any], dict[str, str]], object]) -> Spoil:
    def spoil(place: Place) -> None:
        from safetensors.torch import save_file

        with safe_open(place.weights, "pt") as file:
            metadata = {"graphemes": unsealed_record(file.metadata())}
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no dict
        change(found, metadata)
        save_file(found, place.weights, metadata)

    return spoil


def reshaped(found: dict[str, Any]) -> None:
    name = next(name for name in found if name.endswith("conv1.weight"))
    found[name] = found[name][:, :, :1].contiguous()


def not_a_number(found: dict[str, Any]) -> None:
    name = next(name for name in found if name.endswith("conv1.weight"))
    found[name][:] = float("nan")


def fold_of(directory: str, fold: str, *, finished: bool = True) -> Spoil:
    """A fold of another network."""
    return lambda place: write_fold(Path(place.fill(directory)), fold, finished=finished)


def png(side: int = 40) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (side, side), np.uint8)
    return cv2.imencode(".png", pixels)[1].tobytes()


def pseudo(change: Callable[[pa.Table], pa.Table]) -> Spoil:
    """A changed copy of what predict wrote."""

    def make(place: Place) -> None:
        table = pq.read_table(place.work / "submissions" / "probabilities.parquet")
        pq.write_table(change(table), place.aside / "p.parquet")

    return make


TYPED = "expected"  # what a setting takes, which is the cure
PREDICT = "predict submission={aside}/out.csv"
ELSEWHERE = "train work_dir={aside}/w"  # where no folds.csv is in the way
PICTURE = "predict images={aside}/a.png"
EXCLUDE = "train exclude={aside}/ids.txt"
OWN_FOLDS = "train folds={aside}/f.csv"
PSEUDO = "train data_dir={whole} name=n pseudo={aside}/p.parquet"
FROM = "train name=n init={aside}/w.safetensors"
DRAW = "synthesise images=2 out={aside}/o"
NINES = "9" * 400

SETTINGS = [
    Bad("misspelt", "train epoch=3", "'epoch'", "did you mean 'epochs'?"),
    Bad("unknown", "predict epochs=3", "'epochs'", "there are data_dir, work_dir"),
    Bad("unknown where there are none", "version x=1", "'x'", "there are none"),
    Bad("no name", "train =3", "unknown setting ''", "there are data_dir"),
    Bad("with dashes", "train --epochs=3", "'--epochs'", "did you mean 'epochs'?"),
    Bad("without a value", "train fast", "'fast'", "expected key=value, as fold=0"),
    Bad("given twice", "train epochs=3 epochs=4", "'epochs'", "give it once"),
    Bad("a command misspelt", "trian", "'trian'", "did you mean 'train'?"),
    Bad("help on nothing", "help nothing", "'nothing'", "there are train, folds"),
    Bad("run.sh's own command", "test", "'test'", "bash run.sh test"),
    Bad("empty", "train epochs=", "'epochs'", "expected an integer, at least 1"),
    Bad("text for a number", "train epochs=many", "'epochs'", "expected an integer"),
    Bad("below its range", "train epochs=0", "'epochs'", "at least 1"),
    Bad("a fraction of an integer", "train epochs=3.5", "'epochs'", "expected an integer"),
    Bad("huge", f"train epochs={NINES}", "'epochs'", "at most 10000"),
    Bad("not a number", "train lr=nan", "'lr'", "expected a number, above 0, at most 10"),
    Bad("infinite", "train lr=inf", "'lr'", "expected a number, above 0"),
    Bad("beyond a float", "train lr=1e999", "'lr'", "expected a number, above 0"),
    Bad("Bengali digits for an integer", "train epochs=৩", "'epochs'", "expected an integer"),
    Bad("Bengali digits for a number", "train lr=০.১", "'lr'", "expected a number"),
    Bad("Bengali digits for a fold", "train fold=১", "'fold'", "expected a fold, as 0"),
    Bad("Bengali digits for folds", "train folds=৩", "'folds'", "expected a count from 2"),
    Bad("Bengali digits for a size", "train image_size=৬৪", "'image_size'", "as 64 or 137x236"),
    Bad("Bengali digits for a time", "train time_limit=৩h", "'time_limit'", "as 8h30m"),
    Bad("Bengali digits for widths", "train widths=৮,১৬,৩২,৬৪", "'widths'", "multiples of 8"),
    Bad("Bengali digits for seeds", "ablate seeds=৩", "'seeds'", "as 0,5,7"),
    Bad("Bengali digits for drawings", "train synthetic=৩", "synthetic=", "synthesise made"),
    Bad("a fold beyond the count", "train fold=9", "fold=9", "expected 0 to 2, all or none"),
    Bad("a fold twice", "train fold=0,0", "fold=0", "give it once"),
    Bad("a negative fold", "train fold=-1", "'fold'", "expected a fold, as 0"),
    Bad("a single fold of all", "train folds=1", "'folds'", "expected a count from 2 to 100"),
    Bad("folds that are no CSV", "train folds=mine.txt", "'folds'", "the path of a .csv"),
    Bad("a picture of no size", "train image_size=0", "'image_size'", "16 to 1024"),
    Bad("half a size", "train image_size=64x", "'image_size'", "as 64 or 137x236"),
    Bad("a fruit for a time", "train time_limit=banana", "'time_limit'", "as 8h30m, 45m or 90s"),
    Bad("no time at all", "train time_limit=0s", "'time_limit'", "as 8h30m, 45m or 90s"),
    Bad("a time without an end", f"train time_limit={NINES}h", "'time_limit'", "as 8h30m"),
    Bad("no such kind of device", "train device=tpu", "'device'", "expected auto, cpu, mps"),
    Bad("a GPU that isn't here", "train device=cuda:99", "device=cuda:99", "use device=auto"),
    Bad("halves on a CPU", "train precision=fp16 device=cpu", "precision=fp16", "use precision="),
    Bad("too many workers", "train workers=1000", "'workers'", "at most 64 or auto"),
    Bad("an unknown trunk", "train trunk=resnet35", "trunk=resnet35", "did you mean 'resnet50'?"),
    Bad("a trunk's path", "train trunk=../x", "'trunk'", "as resnet34, or timm/NAME"),
    Bad("a run's path", "train name=../x", "'name'", "expected a word of letters"),
    Bad("a run's folder", "train name=a/b", "'name'", "expected a word of letters"),
    Bad("a run of a fold's name", "train name=fold0", "'name'", "other than fold0"),
    Bad("a run in Bengali", "train name=ক", "'name'", "expected a word of letters"),
    Bad("mixing of nothing", "train mix_share=0.3", "mix_share=0.3", "add mix=any"),
    Bad("a threshold of nothing", "train pseudo_threshold=0.5", "pseudo_threshold", "add pseudo="),
    Bad("a share of nothing", "train synthetic_share=0.5", "synthetic_share=0.5", "add synthetic="),
    Bad("more than all epochs", "train swa=5 epochs=2", "swa=5", "give at most 2"),
    Bad(
        "patience without a score",
        "train patience=3 fold=none epochs=9",
        "patience=3",
        "leave one of both",
    ),
    Bad("patience beyond the end", "train patience=3 epochs=4", "patience=3", "give 5 epochs or"),
    Bad(
        "two ways to begin", "train pretrained=true init=x", "pretrained, init", "give one of them"
    ),
    Bad("weights of nothing", "train head_weights=0:0:0", "'head_weights'", "as 2:1:1"),
    Bad("no such views", "train tta=flips", "'tta'", "expected none, shifts or scales"),
    Bad("no such rule", "train decide=best", "'decide'", "expected auto, argmax"),
    Bad("no drawings", "train synthetic=0", "'synthetic'", "1 to 10,000,000"),
    Bad("three widths", "train widths=1,2,3", "'widths'", "expected four multiples of 8"),
    Bad("a negative seed", "train seed=-1", "'seed'", "at least 0, below 4294967296"),
    Bad("a submission of no CSV", "train submission=out.txt", "'submission'", "path of a .csv"),
    Bad("one process in step", "train sync_norm=true", "sync_norm=true", "give processes="),
    Bad("no path at all", "train work_dir=", "'work_dir'", "expected a path"),
    Bad("NUL in a path", "train data_dir=a\0b", "'data_dir'", "expected a path"),
    Bad("a scheme nobody knows", "train data_dir=s4://x/y", "s4://x/y", "as s3://bucket/folder"),
    Bad("resume of nothing", "train name=n resume=true", "resume=true", "resume=auto begins"),
    Bad("no run to report", "report name=nobody", "nobody", "train one first"),
    Bad("a run reported twice", "report runs=-,-", "runs=-", "give it once"),
    Bad("two choices of runs", "report runs=-,other name=other", "name, runs", "give one of them"),
    Bad("one run to average", "score runs=one", "'runs'", "expected two or more runs"),
    Bad("a run twice", "score runs=-,-", "runs=-", "give it once"),
    Bad("a run that isn't there", "score runs=-,nobody", "runs=nobody", "there are -, other"),
    Bad("predict with nobody", "predict runs=-,nobody", "runs=nobody", "there are -, other"),
    Bad("too few shares", "score runs=-,other shares=1", "shares=1", "expected 2, one for each"),
    Bad("shares beyond 1", "score runs=-,other shares=0.5,0.6", "shares=", "expected a sum of 1"),
    Bad("shares of nan", "score runs=-,other shares=nan,1", "'shares'", "a share from 0 to 1"),
    Bad("shares of nobody", "score shares=0.5,0.5", "shares=0.5,0.5", "add runs=NAME,NAME"),
    Bad("views of tables", "score tta=shifts", "tta=shifts", "leave it out, or give weights="),
    Bad("tables and weights", "score oof=a weights=b", "oof and weights", "give one of them"),
    Bad("runs and pictures", "predict runs=-,other images=a", "runs, images", "leave images out"),
    Bad("no such run", "predict name=nobody", "{work}/folds/nobody", "train one first"),
    Bad("vary what isn't", "ablate vary=epoch=3", "vary: epoch=3", "did you mean 'epochs'?"),
    Bad("vary to no value", "ablate vary=lr", "vary: lr", "expected key=value"),
    Bad("vary twice", "ablate 'vary=lr=1;lr=1'", "vary: lr=1", "give it once"),
    Bad("vary what all share", "ablate vary=seed=3", "vary: seed=3", "give it beside vary"),
    Bad("vary to a fruit", "ablate vary=lr=banana", "vary: lr=banana", "expected a number"),
    Bad("vary nothing", "ablate vary=", "'vary'", "expected settings as of train"),
    Bad("no seeds", "ablate seeds=0", "'seeds'", "expected how many"),
    Bad("passes and epochs", "ablate passes=9 epochs=3", "passes, epochs", "give one of them"),
    Bad("a form nobody reads", "export format=onx", "'format'", "expected onnx, torch_export"),
    Bad(
        "a type not of the form", "export dtype=int8 format=hub", "dtype=int8", "needs format=onnx"
    ),
    Bad("few to hold against", "export images=3", "'images'", "at least 8"),
    Bad("a user's path", "pack user=a/b", "'user'", "expected a Kaggle user name"),
    Bad("no fold and a fold", "pack fold=0 weights=none", "fold, weights", "give one of them"),
    Bad("bench of what isn't", "bench what=everything", "'what'", "expected all, decode"),
    Bad("bench of few rows", "bench rows=3", "'rows'", "at least 16"),
    Bad("bench of no trunk", "bench trunk=resnet35", "trunk=resnet35", "did you mean 'resnet50'?"),
    Bad("no minutes", "bench minutes=nan", "'minutes'", "expected a number, above 0"),
    Bad("doctor of no fold", "doctor fold=9", "fold=9", "expected 0 to 4"),
    Bad("doctor of no drawings", "doctor synthetic=0", "'synthetic'", "1 to 10,000,000"),
    Bad("drawings to nowhere", "synthesise", "out", "as out=data/drawings"),
    Bad("drawings of nothing", "synthesise images=0 out=o", "'images'", "at least 1"),
    Bad("few to compare", "synthesise compare={data} images=99", "images=99", "expected 100"),
    Bad("networks of no trunk", "networks trunk=resnet19", "trunk=resnet19", "did you mean"),
    Bad("networks twice", "networks trunk=resnet18,resnet18", "trunk=resnet18", "give it once"),
    Bad("no way to fold", "folds by=root", "'by'", "expected stratified or grapheme"),
    Bad("folds made and read", "folds by=grapheme folds=a.csv", "by=grapheme", "give one of them"),
]

LABELS = "{data}/train.csv"
CSVS = [
    Bad("an unknown class", "train", LABELS, "0..167", cell(LABELS, COLUMNS[0], 3, "168")),
    Bad("a negative class", "train", LABELS, "line 5", cell(LABELS, COLUMNS[0], 3, "-1")),
    Bad("half a class", "train", LABELS, "a whole number", cell(LABELS, COLUMNS[1], 3, "3.5")),
    Bad("a class in words", "train", LABELS, "correct it", cell(LABELS, COLUMNS[2], 3, "reph")),
    Bad("a class in Bengali", "train", LABELS, "a whole number", cell(LABELS, COLUMNS[0], 3, "৩")),
    Bad("a huge class", "train", LABELS, "0..10", cell(LABELS, COLUMNS[1], 3, "9" * 99)),
    Bad("no class", "train", LABELS, "fill it in", cell(LABELS, COLUMNS[0], 3, "")),
    Bad("an image twice", "train", LABELS, "keep one", twice(LABELS)),
    Bad("no id", "train", LABELS, "fill it in", cell(LABELS, "image_id", 3, "")),
    Bad("of no image", ELSEWHERE, LABELS, "in no shard", cell(LABELS, "image_id", 3, "../x")),
    Bad(
        "NUL in an id",
        ELSEWHERE,
        LABELS,
        "in no shard",
        cell(LABELS, "image_id", 3, "a\0b"),
        slow=True,
    ),
    Bad("a column missing", "train", LABELS, "put the competition's", text(LABELS, "root", "r")),
    Bad(
        "a column twice", "train", LABELS, "remove one", text(LABELS, ",grapheme\n", ",image_id\n")
    ),
    Bad("semicolons", "train", LABELS, "comma-separated", text(LABELS, "image_id,", "image_id;")),
    Bad("UTF-16", "train", LABELS, "in UTF-8", bytes_of(LABELS, "image_id,a".encode("utf-16"))),
    Bad("Latin-1", "train", LABELS, "in UTF-8", bytes_of(LABELS, b"image_id,\xe4\n")),
    Bad("half a row", "train", LABELS, "cut off", text(LABELS, "Train_3,", "Train_3\n")),
    Bad("an open quote", "train", LABELS, "put the competition's", text(LABELS, "Train_3", '"T')),
    Bad("a header alone", "train", LABELS, "expected rows", cut(LABELS, 66)),
    Bad("empty labels", "train", LABELS, "put the competition's", cut(LABELS, 0)),
    Bad("labels of a folder", "train", LABELS, "put the competition's", folder(LABELS)),
    Bad("labels of Parquet", "train", LABELS, "put the comp", bytes_of(LABELS, b"PAR1\xff")),
    Bad("no labels", "train", LABELS, "put the competition's", gone(LABELS)),
    *(
        Bad(f"{name}: {case}", PREDICT, name, cure, spoil)
        for name in (TEST_CSV, SAMPLE)
        for case, cure, spoil in [
            ("a row twice", "keep one", twice("{whole}/" + name)),
            ("another header", "put the", text("{whole}/" + name, "row_id", "id")),
            ("another data set's", "both files from one", text("{whole}/" + name, "Test_0", "x")),
            ("empty", "put the competition's", cut("{whole}/" + name, 0)),
            ("not there", "put the competition's", gone("{whole}/" + name)),
        ]
    ),
    Bad(
        "a row of no component",
        PREDICT,
        "{whole}/test.csv",
        "expected grapheme_root, vowel_diacritic",
        cell("{whole}/test.csv", "component", 1, "grapheme"),
    ),
    Bad(
        "a component twice",
        PREDICT,
        "{whole}/test.csv",
        "put the competition's test.csv",
        cell("{whole}/test.csv", "component", 0, "grapheme_root"),
    ),
    Bad("no data", "train data_dir={aside}/no", "data_dir={aside}/no", "give the folder"),
    Bad("doctor of no data", "doctor data_dir={aside}/no", "data_dir={aside}/no", "give the"),
    Bad("data in a file", "train data_dir={data}/train.csv", "data_dir=", "expected a directory"),
    Bad("an empty folder", "train data_dir={aside}", "{aside}/train.csv", "put the competition's"),
]

FIRST, TEST_FIRST = "{data}/" + SHARD, "{whole}/" + TEST_SHARD
SHARDS = [
    Bad("cut off", ELSEWHERE, FIRST, "copy or download it again", cut(FIRST, 5000)),
    Bad("empty", ELSEWHERE, FIRST, "copy or download it again", cut(FIRST, 0)),
    Bad("of text", ELSEWHERE, FIRST, "copy or download it again", bytes_of(FIRST, b"hello")),
    Bad("a folder", ELSEWHERE, FIRST, "put the shard itself there", folder(FIRST)),
    Bad(
        "zipped",
        ELSEWHERE,
        FIRST,
        "unzip it",
        bytes_of(FIRST, b"PK\x03\x04" + b"\0" * 99),
        slow=True,
    ),
    Bad("not there", ELSEWHERE, "{data}", "train_image_data_", gone(FIRST)),
    Bad(
        "damaged within",
        ELSEWHERE,
        FIRST,
        "copy or download it again",
        lambda place: _changed(place, FIRST, lambda was: was[:-9000] + b"\1" * 8000 + was[-1000:]),
        slow=True,
    ),
    Bad(
        "without ids",
        ELSEWHERE,
        FIRST,
        "is this an image_data shard?",
        lambda place: write_feather(place.data / SHARD, pa.table({"0": [1]})),
    ),
    Bad(
        "without a pixel",
        ELSEWHERE,
        FIRST,
        "missing: '1'; is this an image_data shard?",
        lambda place: write_feather(place.data / SHARD, pa.table({"image_id": ["a"], "0": [1]})),
        slow=True,
    ),
    Bad(
        "a null for an id",
        ELSEWHERE,
        FIRST,
        "write the shard again",
        shard(["Train_0", None]),
        slow=True,
    ),
    Bad(
        "numbers for ids",
        ELSEWHERE,
        FIRST,
        "expected string; write the shard again",
        shard(replaced={"image_id": pa.array([1, 2, 3])}),
        slow=True,
    ),
    Bad(
        "an id twice",
        ELSEWHERE,
        FIRST,
        "write the shard again",
        shard(["Train_0", "Train_0"]),
        slow=True,
    ),
    Bad("a path for an id", ELSEWHERE, FIRST, "rename it", shard(["Train_0", "../x"])),
    Bad("a folder for an id", ELSEWHERE, FIRST, "rename it", shard(["Train_0", "a/b"]), slow=True),
    Bad("NUL in an id", ELSEWHERE, FIRST, "rename it", shard(["Train_0", "a\0b"]), slow=True),
    Bad(
        "a line break in an id",
        ELSEWHERE,
        FIRST,
        "rename it",
        shard(["Train_0", "a\nb"]),
        slow=True,
    ),
    Bad(
        "fractions for pixels",
        ELSEWHERE,
        FIRST,
        "expected uint8; write the shard again",
        shard(**pixel([0.5, 1, 2], pa.float32())),
        slow=True,
    ),
    Bad(
        "wide pixels",
        ELSEWHERE,
        FIRST,
        "expected uint8; write the shard again",
        shard(**pixel([1, 2, 300], pa.int16())),
        slow=True,
    ),
    Bad(
        "nulls for pixels",
        "train work_dir={aside}/w folds=2 fold=0",
        FIRST,
        "expected none; write the shard again",
        lambda place: [
            shard(**pixel([1, None, 2], pa.uint8()))(place),
            table_of(LABELS, lambda table: table.iloc[:TESTS])(place),
        ],
        slow=True,
    ),
    Bad(
        "an id in two",
        ELSEWHERE,
        "{data}/train_image_data_1.feather",
        "keep one",
        lambda place: shutil.copy(place.data / SHARD, place.data / "train_image_data_1.feather"),
        slow=True,
    ),
    Bad(
        "a number in Bengali",
        ELSEWHERE,
        "{data}",
        "train_image_data_",
        lambda place: (place.data / SHARD).rename(place.data / "train_image_data_০.feather"),
        slow=True,
    ),
    Bad("tests cut off", PREDICT, TEST_FIRST, "copy or download it again", cut(TEST_FIRST, 5000)),
    Bad(
        "null pixels of tests",
        PREDICT,
        TEST_FIRST,
        "write the shard again",
        shard(name=TEST_SHARD, **pixel([1, None, 2], pa.uint8())),
        slow=True,
    ),
    Bad(
        "a path for a test's id",
        "train data_dir={whole}",
        TEST_FIRST,
        "rename it",
        shard(["Test_0", "Test_1", "../Test_2"], TEST_SHARD),
        slow=True,
    ),
    Bad("tests not there", PREDICT, "{whole}", "point data_dir at", gone(TEST_FIRST)),
]

FOLDS = "{work}/folds/folds.csv"
TABLE = "{fold}/oof.parquet"
RESULTS = [
    Bad("a fold out of range", "train", FOLDS, "number the folds", cell(FOLDS, "fold", 0, "7")),
    Bad("a fold below all", "train", FOLDS, "-1 or more", cell(FOLDS, "fold", 0, "-2")),
    Bad("a fold in words", "train", FOLDS, "a whole number", cell(FOLDS, "fold", 0, "one")),
    Bad("an id lacking", "train", FOLDS, "add them", table_of(FOLDS, lambda table: table.iloc[1:])),
    Bad("an id twice", "train", FOLDS, "keep one", twice(FOLDS)),
    Bad("another image's", "train", FOLDS, "make new folds", cell(FOLDS, "image_id", 0, "x")),
    Bad("another label's", "train", FOLDS, "folds=PATH uses", cell(FOLDS, COLUMNS[1], 0, "10")),
    Bad("an image moved", "train", "{fold}", "overwrite=true", table_of(FOLDS, turned)),
    Bad("of another seed", "folds seed=1", FOLDS, "overwrite=true replaces it"),
    Bad("of another count", "folds folds=4", FOLDS, "folds=3 takes it as it is"),
    Bad("own folds not there", OWN_FOLDS, "{aside}/f.csv", "columns image_id, fold"),
    Bad(
        "own folds a folder",
        OWN_FOLDS,
        "{aside}/f.csv",
        "columns image_id",
        folder("{aside}/f.csv"),
    ),
    Bad(
        "own folds without a header",
        OWN_FOLDS,
        "{aside}/f.csv",
        "columns image_id, fold",
        bytes_of("{aside}/f.csv", b"Train_0,0\n"),
    ),
    Bad(
        "own folds of few",
        OWN_FOLDS,
        "{aside}/f.csv",
        "add them",
        bytes_of("{aside}/f.csv", b"image_id,fold\nTrain_0,0\n"),
    ),
    Bad(
        "all in one fold",
        OWN_FOLDS,
        "{aside}/f.csv",
        "expected a second fold",
        lambda place: own_folds(place, 0),
    ),
    Bad(
        "all in no fold",
        OWN_FOLDS,
        "{aside}/f.csv",
        "from 0 on",
        lambda place: own_folds(place, -1),
    ),
    Bad("other settings", "train lr=0.01", "{fold}", "overwrite=true replaces it, name=WORD"),
    Bad("a probability nan", "score", TABLE, "make the file again", first_probability(np.nan)),
    Bad("a probability of 3", "score", TABLE, "make the file again", first_probability(3)),
    Bad("a probability below 0", "score", TABLE, "make the file again", first_probability(-1)),
    Bad("a table without folds", "score", TABLE, "make it again", oof(lambda t: t.drop(["fold"]))),
    Bad("a table of no rows", "score", TABLE, "make it again", oof(lambda t: t.slice(0, 0))),
    Bad("each twice", "score", TABLE, "make it again", oof(lambda t: pa.concat_tables([t, t]))),
    Bad(
        "numbers for ids",
        "score",
        TABLE,
        "make it again",
        oof(column("image_id", lambda ids: pa.array(range(len(ids))))),
    ),
    Bad(
        "a true label of no class",
        "score",
        TABLE,
        "make it again",
        oof(column(COLUMNS[0], lambda labels: pa.array([200] * len(labels)))),
    ),
    Bad("a table cut off", "score", TABLE, "make it again", cut(TABLE, 500)),
    Bad("a table that is none", "score oof={work}/folds/folds.csv", FOLDS, "make it again"),
    Bad("a table to report cut off", "report", TABLE, "make it again", cut(TABLE, 500)),
    Bad("a folder of tables", "score oof={work}/folds", "{work}/folds", "make it again"),
    Bad("no table", "score oof={aside}/t.parquet", "{aside}/t.parquet", "train the fold"),
    Bad("a table in two folds", "score", TABLE, "leave one table out", second_fold()),
    Bad("a table of other data", "score", TABLE, "train one of them again", second_fold(data="x")),
    Bad("of other folds", "score", TABLE, "train one of them again", second_fold(folds="x")),
    Bad("runs of other folds", "score runs=-,other", "other", "folds", other_folds),
    Bad(
        "run.json damaged", "train", "{fold}/run.json", "overwrite=true", cut("{fold}/run.json", 50)
    ),
    Bad("run.json gone", "train", "{fold}", "put that back", gone("{fold}/run.json")),
    Bad(
        "no weights any more",
        "train",
        "{fold}",
        "put that back",
        gone("{fold}/weights.safetensors"),
    ),
    Bad(
        "shares.json damaged",
        "score runs=-,other",
        "{work}/folds/shares.json",
        "delete",
        bytes_of("{work}/folds/shares.json", b"{"),
    ),
    Bad(
        "shares beyond 1 in a file",
        "predict runs=-,other",
        "{work}/folds/shares.json",
        "delete it",
        bytes_of("{work}/folds/shares.json", b'{"-,other": {"shares": [2, 3]}}'),
    ),
]

RULES = "{work}/folds/decisions.json"
TUNED = f"{PREDICT} decide=tuned"
DECISIONS = [
    Bad("cut off", TUNED, RULES, "delete or restore it", cut(RULES)),
    Bad("not text", TUNED, RULES, "delete or restore it", bytes_of(RULES, b"\xff\xfe\0")),
    Bad("a list", TUNED, RULES, "score", bytes_of(RULES, b"[]"), slow=True),
    Bad(
        "another format",
        TUNED,
        RULES,
        "score",
        decisions(lambda all_: all_.update(format=9)),
        slow=True,
    ),
    Bad(
        "an unknown winner", TUNED, RULES, "score", decisions(lambda all_: all_.update(winner="x"))
    ),
    Bad(
        "a class lacking",
        TUNED,
        RULES,
        "score",
        decisions(lambda all_: all_["rules"]["tuned"]["weights"]["root"].pop()),
    ),
    Bad(
        "a grapheme of no class",
        TUNED,
        RULES,
        "score",
        decisions(lambda all_: all_["graphemes"].update({"200 1 1": 3})),
        slow=True,
    ),
    Bad(
        "a power of nan",
        TUNED,
        RULES,
        "score",
        decisions(lambda all_: all_["rules"]["prior"]["powers"].update(root=float("nan"))),
        slow=True,
    ),
    Bad(
        "of other classes",
        TUNED,
        RULES,
        "leave decide out",
        decisions(lambda all_: all_["identity"].update(classes=[1, 2, 3])),
    ),
    Bad("not there", TUNED, "decide=tuned", "leave decide out", gone(RULES)),
]

WEIGHTS = "{fold}/weights.safetensors"
NETWORKS = [
    Bad("cut off", PREDICT, WEIGHTS, "copy it again", cut(WEIGHTS, 5000)),
    Bad("empty", PREDICT, WEIGHTS, "copy it again", cut(WEIGHTS, 0)),
    Bad("another shape", PREDICT, WEIGHTS, "of another network?", tensors(reshaped)),
    Bad("nan within", PREDICT, WEIGHTS, "train again", tensors(not_a_number), slow=True),
    Bad(
        "a tensor lacking",
        PREDICT,
        WEIGHTS,
        "of another network?",
        tensors(dict.popitem),
        slow=True,
    ),
    Bad("other classes", PREDICT, WEIGHTS, "train again", record(classes=[1, 2, 3]), slow=True),
    Bad("a later format", PREDICT, WEIGHTS, "train again", record(format=99), slow=True),
    Bad(
        "an unknown trunk",
        PREDICT + " weights={fold}/weights.safetensors",
        WEIGHTS,
        "did you mean",
        record(settings={"trunk": "resnet35"}),
    ),
    Bad(
        "a size of nothing",
        PREDICT + " weights={fold}/weights.safetensors",
        WEIGHTS,
        "train again",
        record(settings={"image_size": "0"}),
        slow=True,
    ),
    Bad(
        "no record",
        PREDICT,
        WEIGHTS,
        "expected a weights.safetensors written by train",
        _weights(lambda found, metadata: metadata.clear()),
    ),
    Bad("not there", "predict weights={aside}/w", "{aside}/w", "give weights=PATH"),
    Bad("none in a folder", "predict weights={aside}", "{aside}", "expected a fold's folder"),
    Bad("a table", "predict weights={fold}/oof.parquet", "{fold}/oof.parquet", "copy it again"),
    Bad("twice", "predict weights={fold},{fold}", "{fold}", "give it once"),
    Bad(
        "a fold twice",
        "predict weights={fold},{work}/folds/other",
        "other",
        "leave one of them out",
    ),
    Bad(
        "two networks",
        f"{PREDICT} weights={{fold}},{{aside}}/fold1",
        "{aside}/fold1",
        "average only the folds of one run",
        fold_of("{aside}/fold1", "1"),
        slow=True,
    ),
    Bad(
        "no head to pool",
        "predict grapheme_pool=sum",
        "grapheme_pool=sum",
        "leave it out",
        slow=True,
    ),
    Bad("to begin, not there", FROM, "init={aside}/w.safetensors", "expected one that train wrote"),
    Bad("to begin, and begun", "train init={aside}/w", "init={aside}/w", "put it back"),
    Bad(
        "to begin, of text",
        FROM,
        "init={aside}/w.safetensors",
        "copy it again",
        bytes_of("{aside}/w.safetensors", b"hello"),
    ),
    Bad(
        "to begin, of another network",
        "train name=n init={aside}/fold1/weights.safetensors",
        "init={aside}/fold1/weights.safetensors",
        "give trunk=timm/test_resnet",
        fold_of("{aside}/fold1", "1"),
    ),
    Bad("to begin, a folder", "train name=n init={aside}", "init={aside}", "expected one that"),
    Bad("export of none", "export weights={aside}/w", "{aside}/w", "give weights=PATH"),
    Bad("export of no fold", "export fold=2", "{work}/folds/fold2", "train it first"),
    Bad(
        "export of a cut one",
        "export format=weights out={aside}/o",
        WEIGHTS,
        "copy it again",
        cut(WEIGHTS, 5000),
    ),
    Bad("export over data", "export format=hub out={data}", "{data}", "give another out=PATH"),
    Bad("export to a file", "export format=hub out={data}/train.csv", LABELS, "out=PATH"),
    Bad("pack of no fold", "pack fold=2", "{work}/folds/fold2", "train it"),
    Bad(
        "pack of half a fold",
        "pack fold=1 out={aside}/o",
        "{work}/folds/fold1",
        "train",
        fold_of("{work}/folds/fold1", "1", finished=False),
    ),
    Bad("pack of a cut one", "pack out={aside}/o", WEIGHTS, "copy it again", cut(WEIGHTS, 5000)),
    Bad("pack over data", "pack out={data}", "{data}", "out=PATH"),
    Bad("pack to a file", "pack out={data}/train.csv", LABELS, "choose another place"),
    Bad(
        "vary to no weights",
        "ablate vary=init={aside}/w",
        "init={aside}/w",
        "put it back",
        slow=True,
    ),
]

OTHERS = [
    Bad("a picture of text", PICTURE, "{aside}/a.png", "expected", bytes_of("{aside}/a.png", b"a")),
    Bad("an empty picture", PICTURE, "{aside}/a.png", "expected", bytes_of("{aside}/a.png", b"")),
    Bad(
        "half a picture",
        PICTURE,
        "{aside}/a.png",
        "is it a whole picture?",
        bytes_of("{aside}/a.png", png()[:300]),
    ),
    Bad(
        "half a picture among others",
        "predict images={aside}",
        "{aside}/b.png",
        "is it a whole picture?",
        lambda place: [
            bytes_of("{aside}/a.png", png())(place),
            bytes_of("{aside}/b.png", png()[:300])(place),
        ],
        slow=True,
    ),
    Bad("no picture", PICTURE, "{aside}/a.png", "expected a picture, or a folder of some"),
    Bad("a folder of none", "predict images={data}", "{data}", "expected .bmp, .gif"),
    Bad(
        "answers where a folder is",
        f"{PICTURE} submission={{aside}}/s.csv",
        "{aside}/s.csv",
        "expected the path of a file",
        lambda place: [
            bytes_of("{aside}/a.png", png())(place),
            folder("{aside}/s.csv")(place),
        ],
    ),
    Bad("a submission's folder", "predict submission={aside}", "'submission'", "path of a .csv"),
    Bad(
        "a submission over labels",
        "predict submission={data}/train.csv overwrite=true",
        LABELS,
        "submission=PATH",
    ),
    Bad(
        "a submission of somebody's",
        "train",
        "{work}/submissions/submission.csv",
        "overwrite=true",
        bytes_of("{work}/submissions/submission.csv", b"row_id,target\nx,1\n"),
    ),
    Bad("ids not there", EXCLUDE, "exclude={aside}/ids.txt", "image ids, one a line"),
    Bad("ids in a folder", "train exclude={aside}", "exclude={aside}", "image ids, one a line"),
    Bad(
        "ids of nobody",
        EXCLUDE,
        "exclude={aside}/ids.txt",
        "expected image ids, one a line",
        bytes_of("{aside}/ids.txt", b"Train_0\nTrain_9999\n"),
    ),
    Bad(
        "ids that aren't text",
        EXCLUDE,
        "exclude={aside}/ids.txt",
        "expected text with an image id a line",
        bytes_of("{aside}/ids.txt", b"\xff\xfe\0"),
    ),
    Bad(
        "ids of all",
        f"{EXCLUDE} name=n",
        "exclude",
        "look at folds, exclude and limit",
        bytes_of("{aside}/ids.txt", "\n".join(named(IMAGES)).encode()),
    ),
    Bad("labels of nowhere", PSEUDO, "pseudo={aside}/p.parquet", "expected the probabilities"),
    Bad(
        "labels that the run itself would write over",
        "train data_dir={whole} submission={aside}/n.csv pseudo={aside}/n-probabilities.parquet",
        "pseudo={aside}/n-probabilities.parquet",
        "or copy the file",
    ),
    Bad(
        "labels of text",
        PSEUDO,
        "{aside}/p.parquet",
        "make it again",
        bytes_of("{aside}/p.parquet", b"hello"),
    ),
    Bad(
        "labels of an out-of-fold table",
        "train data_dir={whole} name=n pseudo={fold}/oof.parquet pseudo_threshold=0.001",
        "pseudo={fold}/oof.parquet",
        "expected a file that predict made",
    ),
    Bad(
        "labels that nobody is sure of",
        f"{PSEUDO} pseudo_threshold=1",
        "pseudo={aside}/p.parquet",
        "lower pseudo_threshold",
        pseudo(lambda table: table),
    ),
    Bad(
        "labels of other images",
        f"{PSEUDO} pseudo_threshold=0.001",
        "pseudo={aside}/p.parquet",
        "expected a file that predict made",
        pseudo(column("image_id", lambda ids: pa.array([f"x{i}" for i in range(len(ids))]))),
    ),
    Bad(
        "labels given twice",
        f"{PSEUDO} pseudo_threshold=0.001",
        "{aside}/p.parquet",
        "make it again",
        pseudo(lambda table: pa.concat_tables([table, table])),
    ),
    Bad("no drawings", "train name=n synthetic={aside}/no", "synthetic=", "synthesise made"),
    Bad("data for drawings", "train synthetic={data}", "synthetic=", "another directory"),
    Bad("no whole drawings", "train synthetic={aside}", "synthetic=", "synthesise"),
    Bad("graphemes not there", f"{DRAW} graphemes={{aside}}/g", "graphemes={aside}/g", TYPED),
    Bad(
        "graphemes of nobody",
        f"{DRAW} graphemes={{aside}}/g",
        "{aside}/g",
        "expected",
        bytes_of("{aside}/g", b"zz\n"),
    ),
    Bad(
        "graphemes of no class",
        f"{DRAW} graphemes={{aside}}/g",
        "{aside}/g",
        "expected 0 to 167",
        bytes_of("{aside}/g", b"168 0 0\n"),
    ),
    Bad("no fonts", f"{DRAW} fonts={{aside}}", "fonts={aside}", "expected .ttf or .otf files"),
    Bad(
        "fonts of text",
        f"{DRAW} fonts={{aside}}",
        "{aside}/a.ttf",
        "font",
        bytes_of("{aside}/a.ttf", b"hello"),
    ),
    Bad("drawings over data", "synthesise images=2 out={data}", "out={data}", "choose another"),
    Bad("compare with nothing", "synthesise compare={aside}/no", "compare=", "expected one with"),
    Bad("work in a file", "train work_dir={data}/train.csv", "work_dir=", "work_dir=PATH"),
    Bad("work below a file", "train work_dir={data}/train.csv/w", "work_dir=", "work_dir=PATH"),
]

GROUPS = {
    "setting": SETTINGS,
    "csv": CSVS,
    "shard": SHARDS,
    "results": RESULTS,
    "decisions": DECISIONS,
    "weights": NETWORKS,
    "other": OTHERS,
}
BAD = {f"{group}: {bad.case}": bad for group, rows in GROUPS.items() for bad in rows}


def own_folds(place: Place, fold: int) -> None:
    rows = "".join(f"{image},{fold}\n" for image in named(IMAGES))
    (place.aside / "f.csv").write_text(f"image_id,fold\n{rows}")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Place:
    """A finished fold, and another run that is the same; what is spoilt is a copy."""
    from graphemes.__main__ import main

    root = tmp_path_factory.mktemp("finished")
    place = Place(*(root / part for part in ("work", "data", "whole", "aside")))
    place.aside.mkdir()
    write_data(place.whole)
    shutil.copytree(place.whole, place.data)
    (place.data / TEST_SHARD).unlink()
    train_quickly(place.work, **{**TINY, "data_dir": place.data})
    assert main(["score", f"work_dir={place.work}", "decide=tuned"]) == 0
    assert main(place.words("predict")) == 0
    shutil.copytree(place.fold, place.work / "folds" / "other" / "fold0")
    return place


def write_data(directory: Path) -> None:
    chosen = np.random.default_rng(0).integers(0, 300, IMAGES)
    directory.mkdir()
    writing.write_train_csv(directory / TRAIN_CSV, [competition_graphemes()[k] for k in chosen])
    writing.write_test_csv(directory / TEST_CSV, TESTS)
    writing.write_sample_submission(directory / SAMPLE, TESTS)
    for name, ids in ((SHARD, named(IMAGES)), (TEST_SHARD, named(TESTS, part="Test"))):
        write_feather(directory / name, shard_table(ids, random_pixels(len(ids))))


@pytest.fixture
def copied(finished, tmp_path) -> Callable[..., Place]:
    """A place of the test's own, with the same data or with its own, of which another store is."""

    def copy(*, data: bool) -> Place:
        home = tmp_path if data else finished.data.parent
        own = Place(tmp_path / "work", home / "data", home / "whole", tmp_path / "aside")
        shutil.copytree(finished.work, own.work)
        if data:  # links, as what is spoilt is another file then
            shutil.copytree(finished.data, own.data, copy_function=os.link)
            shutil.copytree(finished.whole, own.whole, copy_function=os.link)
        own.aside.mkdir()
        return own

    return copy


def contents(place: Place) -> dict[str, str]:
    """The digest of each file of the work directory and beside; a lock's is no matter."""
    return {
        str(path): digest(path.read_bytes())
        for part in (place.work, place.aside)
        for path in part.rglob("*")
        if path.is_file() and not path.name.endswith(".lock")
    }


def need_one_line(said: Spoken, named_: str, cure: str) -> None:
    """Our answer to what the user can mend, in which both stand."""
    assert said.code == 2, said
    assert said.err.startswith("graphemes: "), said.err
    assert said.err.count("\n") == 1, said.err
    assert named_ in said.err
    assert cure in said.err


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=pytest.mark.slow if bad.slow else ()) for case, bad in BAD.items()],
)
def test_a_bad_input_is_one_line_and_changes_nothing(case, finished, copied, run):
    bad = BAD[case]
    place = copied(data=bad in CSVS + SHARDS) if bad.spoil else finished
    if bad.spoil:
        bad.spoil(place)
    before = contents(place)
    said = run(*place.words(bad.line))
    need_one_line(said, place.fill(bad.named), place.fill(bad.cure))
    assert contents(place) == before


def test_the_table_has_eighty_cases():
    assert len(BAD) >= 80
    assert len(BAD) == sum(map(len, GROUPS.values())), "two cases of one name"


# What looks odd and is read.


def as_it_is(content: str) -> str:
    return content


def marked(content: str) -> str:
    """As spreadsheets save it."""
    return "\ufeff" + content


def windows(content: str) -> str:
    return content.replace("\n", "\r\n")


def quoted(content: str) -> str:
    lines = [line.split(",") for line in content.splitlines()]
    return "".join(",".join(f'"{value}"' for value in line) + "\n" for line in lines)


def moved(content: str) -> str:
    """Columns in another order, and one that nobody asks for."""
    lines = [line.split(",") for line in content.splitlines()]
    return "".join(",".join([*line[::-1], "more"]) + "\n" for line in lines)


def spaced(content: str) -> str:
    """Blank lines, and none at the end."""
    return content.replace("\n", "\n\n").rstrip("\n")


@pytest.mark.parametrize("form", [marked, windows, quoted, moved, spaced])
def test_an_odd_train_csv_is_read(form, finished, copied, run):
    place = copied(data=True)
    was = (place.data / TRAIN_CSV).read_text(encoding="utf-8")
    (place.data / TRAIN_CSV).unlink()
    (place.data / TRAIN_CSV).write_bytes(form(was).encode())
    # From there, since it holds these columns too.
    own = place.aside / "folds.csv"
    own.write_bytes(form((place.work / "folds" / "folds.csv").read_text()).encode())
    for folds in (QUICK["folds"], own):
        said = run(*place.words(f"folds folds={folds}"))
        assert said.code == 0, said.err
    assert contents(place)[str(place.work / "folds" / "folds.csv")] == digest(
        (finished.work / "folds" / "folds.csv").read_bytes()
    )


@pytest.mark.parametrize(("tests", "sample"), [(marked, windows), (moved, quoted)])
def test_odd_tables_of_test_images_are_read(tests, sample, finished, copied, run):
    place = copied(data=True)
    for name, form in ((TEST_CSV, tests), (SAMPLE, sample)):
        was = (place.whole / name).read_text()
        (place.whole / name).unlink()
        (place.whole / name).write_bytes(form(was).encode())
    said = run(*place.words(PREDICT))
    assert said.code == 0, said.err
    there = finished.work / "submissions" / "submission.csv"
    assert (place.aside / "out.csv").read_bytes() == there.read_bytes()


@pytest.mark.parametrize("form", [as_it_is, marked, windows, spaced])
def test_an_odd_list_of_ids_is_read(form, copied, run):
    place = copied(data=False)
    (place.aside / "ids.txt").write_bytes(form("Train_0\nTrain_1\n").encode())
    said = run(*place.words(EXCLUDE))  # another run than the one that is there, so no more is done
    assert said.code == 2
    assert "exclude is None, asked for" in said.err
