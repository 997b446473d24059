"""Picture files to a table of what they show: `predict images=`."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from graphemes.foundation.errors import PlaceTaken
from graphemes.foundation.files import write_text
from graphemes.foundation.heads import HEADS
from graphemes.foundation.places import need_writable
from graphemes.foundation.progress import progress, say
from graphemes.foundation.settings.commands import PredictSettings
from graphemes.pipeline.image_sources import check_image_files, image_files
from graphemes.pipeline.reader import load_reader
from graphemes.pipeline.trained_networks import finished_weights
from graphemes.pipeline.workspace import find_layout

SHOWN = 10  # answers that are printed
FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")


def read_images(settings: PredictSettings, images: Path) -> None:
    """Write a row a file: file, three labels, their probabilities, the spelled grapheme.

    Raises DataError naming the first file that is no picture, before any is read; PlaceTaken
    where another table stands.
    """
    files = image_files(images)
    check_image_files(files)
    layout = find_layout(settings)
    path = settings.submission or layout.image_table
    need_writable(path)
    reader = load_reader(
        settings.weights or finished_weights(layout),
        device=settings.device,
        precision=settings.precision,
        batch_size=settings.batch_size,
        grapheme_pool=settings.grapheme_pool,
        tta=settings.tta,
        decide=settings.decide,
    )
    say(reader.chosen.why)
    say(f"reading {len(files):,} picture(s) with {len(reader.ready.networks)} network(s)")
    with progress("reading", len(files)) as advance:
        table = reader.predict(files, advance).drop(columns="best")
    if images.is_dir():
        table["file"] = [file.relative_to(images).as_posix() for file in files]
    table["file"] = [as_text(name) for name in table["file"]]
    text = table.to_csv(index=False, lineterminator="\n", float_format="%.6g")
    if path.exists() and not settings.overwrite:
        if path.read_text(encoding="utf-8", errors="replace") == text:
            say(f"{path}: says the same already: kept")
            return
        raise PlaceTaken(
            f"{path}: there already and says something else; overwrite=true replaces it,"
            " submission=PATH or name=WORD keeps both"
        )
    write_text(path, text)
    for line in _lines(table.head(SHOWN)):
        say(line)
    say(f"{path}: {len(table):,} rows written")


def as_text(name: str) -> str:
    """A file's name for a spreadsheet, which would compute one that begins as formulas do.

    Behind an apostrophe it is text; so is a name that begins with one, so that it can be told what
    was put before.
    """
    return f"'{name}" if name.startswith(FORMULA) else name


def _lines(table: pd.DataFrame) -> Iterator[str]:
    """'a.png: ক (root 13 0.98, vowel 0 0.99, consonant 0 0.99)' for each row."""
    for row in table.to_dict("records"):
        labels = (f"{h.name} {row[h.name]} {row[f'{h.name}_probability']:.2f}" for h in HEADS)
        yield f"{row['file']}: {row['grapheme']} ({', '.join(labels)})"
