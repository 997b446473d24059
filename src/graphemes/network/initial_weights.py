"""The network that a training begins with: fresh, or with weights from elsewhere."""

from graphemes.foundation.errors import DataError
from graphemes.foundation.settings.groups import Learning
from graphemes.foundation.settings.types import TIMM
from graphemes.network.model import GraphemeNetwork, build_network
from graphemes.network.resnet import ResNet
from graphemes.network.resnet_weights import fill_resnet
from graphemes.network.timm_weights import FETCHED
from graphemes.network.weights import is_ours, start_from


def initial_network(settings: Learning, seed: int | None = None) -> GraphemeNetwork:
    """What `trunk` and its options ask for, with the weights that init or pretrained give it.

    init is a file of train's, which fills the whole network, or one of timm's or torchvision's,
    which fills a trunk of timm's or a ResNet; the rest is drawn from the seed. Raises NetworkError
    for what can't be, DataError for weights that aren't the network's.
    """
    of_timm = settings.trunk.startswith(TIMM)
    if settings.init and not settings.init.is_file():
        raise DataError(
            f"init={settings.init}: no such weights file; expected one that train wrote, or one of"
            " timm's or torchvision's for its trunk"
        )
    if settings.init is None:
        weights = FETCHED if settings.pretrained else None
        return build_network(settings, settings.image_size, seed, weights)
    if of_timm and not is_ours(settings.init):
        return build_network(settings, settings.image_size, seed, settings.init)
    network = build_network(settings, settings.image_size, seed)
    if isinstance(network.trunk, ResNet) and not is_ours(settings.init):
        fill_resnet(network.trunk, settings.init, settings)
        return network
    try:
        start_from(settings.init, network, settings)
    except DataError as error:  # of whoever's weights: it begins with the path
        raise DataError(f"init={str(error).removeprefix('init=')}") from None
    return network
