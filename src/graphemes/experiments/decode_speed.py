"""How fast shards are decoded here, and in how much memory, against pandas."""

import statistics

from graphemes.competition.absent_shards import no_shards
from graphemes.competition.shards import find_shards
from graphemes.experiments.decodings import DECODINGS
from graphemes.experiments.peak_memory import peak_anonymous_memory
from graphemes.foundation.progress import say
from graphemes.foundation.settings.studies import BenchSettings
from graphemes.pipeline.workspace import find_workspace


def measure_decoding(settings: BenchSettings) -> None:
    """The first train shard by pandas and into a store alternating."""
    workspace = find_workspace(settings)
    workspace.draw_demo()
    shards = find_shards(workspace.directory, "train")
    if not shards:
        raise no_shards(workspace.directory, "train")
    spent: dict[str, list[float]] = {name: [] for name in DECODINGS}
    peaks: dict[str, list[float]] = {name: [] for name in DECODINGS}
    rows = 0
    for _ in range(settings.repeats):
        for name, call in DECODINGS.items():
            (rows, seconds), peak = peak_anonymous_memory(call, shards[0], workspace.layout.cache)
            spent[name].append(seconds)
            peaks[name].append(peak or float("nan"))
    say(f"decoding {shards[0].name}: {rows:,} images, medians of {settings.repeats}")
    first = next(iter(DECODINGS))
    for name in DECODINGS:
        seconds, peak_ = statistics.median(spent[name]), statistics.median(peaks[name])
        line = f"  {name:<20} {rows / seconds:>8,.0f} images/s, at most {peak_ / 1e9:.2f} GB"
        if name != first:
            speed = statistics.median(spent[first]) / seconds
            share = peak_ / statistics.median(peaks[first])
            line += f": {speed:.2f} times as fast in {share:.2f} of the memory"
        say(line)
