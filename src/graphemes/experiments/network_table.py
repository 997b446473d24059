"""The table of networks: what each costs, how fast it is here, what it reached here."""

from graphemes.experiments.paper_table import paper_lines
from graphemes.experiments.step_speed import inference_speed, training_speed
from graphemes.foundation.layout import ROOT
from graphemes.foundation.machine import machine_name
from graphemes.foundation.progress import say
from graphemes.foundation.settings.groups import Architecture
from graphemes.foundation.settings.studies import NetworksSettings
from graphemes.foundation.settings.trunks import supporting_trunks
from graphemes.foundation.versions import commit
from graphemes.network.cost import multiply_adds, parameters
from graphemes.network.devices import choose_engine
from graphemes.network.model import build_network
from graphemes.pipeline.run_records import bare, known_scores
from graphemes.pipeline.workspace import find_layout

_FIELDS = Architecture.model_fields


def print_networks(settings: NetworksSettings) -> None:
    """A line a network, then the paper's table beside ours."""
    engine = choose_engine(settings.device, settings.precision)
    say(
        f"pictures of {settings.image_size}, batch {settings.batch_size}, {engine.describe()},"
        f" {machine_name()}, commit {commit(ROOT) or 'unknown'}"
    )
    names = settings.trunk or supporting_trunks(settings.trunk_options())
    asked = [_asked(settings, name) for name in names]
    if settings.trunk:  # what can't be is said before minutes are spent on what can
        for one in asked:
            build_network(one, settings.image_size)
    wide = max(14, *(len(one.trunk) + 2 for one in asked))
    say(
        f"{'trunk':<{wide}}{'parameters':>12}{'multiply-adds':>15}{'training':>15}{'inference':>15}"
        "  best score here"
    )
    timing = settings.image_size, settings.batch_size, settings.repeats
    known = known_scores(find_layout(settings))
    for one in asked:
        network = build_network(one, settings.image_size, 0)
        count = multiply_adds(network, 1, *settings.image_size)
        line = f"{one.trunk:<{wide}}{parameters(network) / 1e6:>10.3f} M{count / 1e9:>13.3f} G"
        for measure in (training_speed, inference_speed):
            speed = f"{measure(network, *timing, engine):,.1f}/s" if settings.repeats else "-"
            line += f"{speed:>15}"
        say(f"{line}  {known.get(bare(one), '-')}")
    if settings.trunk is None:
        for line in paper_lines():
            say(line)


def _asked(settings: NetworksSettings, trunk: str) -> Architecture:
    chosen = {key: getattr(settings, key) for key in _FIELDS}
    return Architecture.model_validate({**chosen, "trunk": trunk})
