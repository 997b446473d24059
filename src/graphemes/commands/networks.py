"""networks: what each network costs, how fast it is here, and what it reached here."""

from graphemes.experiments.network_table import print_networks
from graphemes.foundation.settings.studies import NetworksSettings


def run(settings: NetworksSettings) -> None:
    """A line a network, then the paper's table beside ours."""
    print_networks(settings)
