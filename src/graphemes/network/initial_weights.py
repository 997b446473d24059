"""The network that a training begins with: fresh, or with weights from elsewhere."""

from graphemes.foundation.errors import DataError, SettingsError
from graphemes.foundation.settings.groups import Learning
from graphemes.foundation.settings.types import TIMM
from graphemes.foundation.settings.words import shown
from graphemes.network.model import GraphemeNetwork, build_network
from graphemes.network.timm_weights import FETCHED
from graphemes.network.weights import is_ours, start_from

_WEIGHT = Learning.model_fields["grapheme_weight"].default


def initial_network(settings: Learning, seed: int | None = None) -> GraphemeNetwork:
    """What `trunk` and its options ask for, with the weights that init or pretrained give it.

    init is a file of train's, which fills the whole network, or one of timm's, which fills a timm
    trunk; the rest is drawn from the seed. Raises SettingsError for what can't be, DataError for
    weights that aren't the network's.
    """
    of_timm = settings.trunk.startswith(TIMM)
    if settings.pretrained and settings.init:
        raise SettingsError("pretrained, init: two ways to begin with weights; give one of them")
    if settings.pretrained and not of_timm:
        raise SettingsError(
            f"pretrained=true: trunk={settings.trunk} has no weights to fetch; expected"
            f" trunk={TIMM}NAME; leave it out, or give init=FILE"
        )
    if not settings.grapheme_head and settings.grapheme_weight != _WEIGHT:
        raise SettingsError(
            f"grapheme_weight={shown(settings.grapheme_weight)}: there is no grapheme head to"
            " weigh; leave it out, or give grapheme_head=true"
        )
    if settings.init and not settings.init.is_file():
        raise DataError(
            f"init={settings.init}: no such weights file; expected one that train wrote, or one of"
            " timm's for its trunk"
        )
    if settings.init is None:
        weights = FETCHED if settings.pretrained else None
        return build_network(settings, settings.image_size, seed, weights)
    if of_timm and not is_ours(settings.init):
        return build_network(settings, settings.image_size, seed, settings.init)
    network = build_network(settings, settings.image_size, seed)
    start_from(settings.init, network, settings)
    return network
