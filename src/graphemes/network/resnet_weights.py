"""Files of torchvision's and timm's ResNets for our own: the same networks, named otherwise."""

import re
from pathlib import Path

from torch import Tensor

from graphemes.foundation.errors import DataError, one_line
from graphemes.foundation.settings.groups import Architecture
from graphemes.foundation.settings.words import shown
from graphemes.network.resnet import TABLE, Bottleneck, ResNet
from graphemes.network.tensor_files import below_prefix, named, read_tensors

# Options that make other tensors than those of the files.
OTHER_TENSORS = ("shortcut", "stem", "widths", "attention")
FIRST = "conv1.weight"  # the stem's, which sees colours
_BODY = re.compile(r"(conv1|bn1|layer\d+)\.")  # what else there is classifies


def their_name(ours: str) -> str:
    """A tensor's name in their files: of stages.1.0.shortcut.0.bias, layer2.0.downsample.0.bias."""
    stage = re.match(r"stages\.(\d+)\.", ours)
    if stage is None:
        return ours.replace("stem.0.", "conv1.").replace("stem.1.", "bn1.")
    within = ours[stage.end() :].replace(".norm", ".bn").replace(".shortcut.", ".downsample.")
    return f"layer{int(stage[1]) + 1}.{within}"


def fill_resnet(trunk: ResNet, path: Path, architecture: Architecture) -> None:
    """Put a file's weights into a trunk, three colours summed. DataError says what's off."""
    own = trunk.state_dict()
    try:
        tensors = below_prefix(read_tensors(path), {their_name(name) for name in own})
    except (OSError, ValueError) as error:
        raise DataError(f"init={path}: {one_line(error)}") from None
    theirs = {name: tensor for name, tensor in tensors.items() if _BODY.match(name)}
    _check_network(path, tensors, theirs, architecture)
    filled, elsewhere = {}, f"in trunk={architecture.trunk}; is it of another network?"
    for name, tensor in own.items():
        found = theirs.pop(their_name(name), None)
        if found is not None:
            filled[name] = _fitting(path, their_name(name), found, tensor)
        # The power of pool=gem is ours; older files lack the count that norms keep of batches.
        elif not name.startswith("pool.") and not name.endswith("num_batches_tracked"):
            raise DataError(f"init={path}: it has no tensor {their_name(name)!r} {elsewhere}")
    if theirs:
        raise DataError(f"init={path}: its tensor {min(theirs)!r} has no place {elsewhere}")
    trunk.load_state_dict(filled, strict=False)


def _check_network(
    path: Path, tensors: dict[str, Tensor], theirs: dict[str, Tensor], architecture: Architecture
) -> None:
    if "layer1.0.conv1.weight" not in theirs:
        raise DataError(
            f"init={path}: it holds {named([*tensors])}; expected the names of torchvision's and"
            f" timm's ResNets, as {FIRST} and layer1.0.conv1.weight, or a file of train's"
        )
    trunk = _network_of(theirs)
    if trunk not in (None, architecture.trunk):
        raise DataError(
            f"init={path}: its tensors are a {trunk}'s, expected a {architecture.trunk}'s; give"
            f" trunk={trunk}, or another file"
        )
    for key in filter(architecture.differs, OTHER_TENSORS):
        usual = Architecture.model_fields[key].default
        raise DataError(
            f"init={path}: its ResNet has {key}={shown(usual)}, which"
            f" {key}={shown(getattr(architecture, key))} doesn't fit; leave one of both out"
        )


def _network_of(theirs: dict[str, Tensor]) -> str | None:
    """Which of the table's networks has as many blocks, of that kind."""
    blocks = {name.split(".")[0] + name.split(".")[1] for name in theirs if name[:5] == "layer"}
    depths = tuple(sum(one.startswith(f"layer{stage}") for one in blocks) for stage in range(1, 5))
    bottleneck = "layer1.0.conv3.weight" in theirs
    for name, (block, wanted) in TABLE.items():
        if wanted == depths and (block is Bottleneck) == bottleneck:
            return name
    return None


def _fitting(path: Path, name: str, found: Tensor, own: Tensor) -> Tensor:
    if name == FIRST and found.ndim == own.ndim and found.shape[1] == 3:
        found = found.float().sum(1, keepdim=True)  # as timm does for one channel
    if found.shape != own.shape:
        raise DataError(
            f"init={path}: its tensor {name!r} is {tuple(found.shape)}, expected"
            f" {tuple(own.shape)}; is it of another network?"
        )
    return found
