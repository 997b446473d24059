"""Networks as one program from pictures, or from scans, to probabilities.

B images of a batch, of any number; H x W pixels of a picture; C classes of one head.
"""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor, nn

from graphemes.foundation.errors import NetworkError, one_line
from graphemes.foundation.heads import HEADS, HEIGHT, WIDTH, PerHead, Probabilities
from graphemes.foundation.settings.types import Crop, ImageSize, Tta
from graphemes.inference.scan_graph import ScanToPicture
from graphemes.inference.views import views
from graphemes.network.model import GraphemeNetwork
from graphemes.network.weights import check_half

EXAMPLE = 3  # images: of one, torch.export would take the batch's size for a constant
PICTURES, SCANS = "ink", "scan"  # the name of a program's input
ABOUT = "graphemes.json"  # in a saved program: what it is, as JSON
OUTPUTS = [f"probability_{head.name}" for head in HEADS]


class MeanReader(nn.Module):
    """Pictures (B, 1, H, W) float32 to three probabilities (B, C).

    They are the mean over networks and, with `tta`, over views, which are made inside. half:
    whether the networks' weights and sums are float16; softmax and mean never are.
    """

    def __init__(
        self, networks: Sequence[GraphemeNetwork], *, half: bool = False, tta: Tta = "none"
    ) -> None:
        super().__init__()
        self.half_precision, self.tta = half, tta
        self.networks = nn.ModuleList(halved(network) if half else network for network in networks)

    def forward(self, ink: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 1, H, W) float32 -> (B, 168), (B, 11), (B, 7) float32."""
        number = torch.float16 if self.half_precision else torch.float32
        seen = [view.to(number) for view in views(ink, self.tta)]
        found = [network(view).probabilities() for view in seen for network in self.networks]
        root, vowel, consonant = (torch.stack(parts).mean(0) for parts in zip(*found, strict=True))
        return root, vowel, consonant


class ScanReader(nn.Module):
    """Scans (B, 137, 236) uint8 to three probabilities (B, C)."""

    def __init__(self, reader: MeanReader, size: ImageSize, crop: Crop) -> None:
        super().__init__()
        self.pictures = ScanToPicture(size, crop)
        self.reader = reader

    def forward(self, scan: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 137, 236) uint8 -> (B, 168), (B, 11), (B, 7) float32."""
        return self.reader(self.pictures(scan))  # type: ignore[no-any-return]


def halved(network: GraphemeNetwork) -> GraphemeNetwork:
    """A float16 copy. Raises NetworkError where a weight is beyond float16."""
    for name, tensor in network.state_dict().items():
        check_half(name, tensor)
    half = copy.deepcopy(network).half()
    for module in half.modules():
        if isinstance(getattr(module, "weight", None), Tensor):
            module.register_forward_pre_hook(_to_own_type)
    return half


def _to_own_type(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    # What comes before may have gone to float32 on purpose, as sums of powers do.
    return (inputs[0].to(module.weight.dtype), *inputs[1:])


def picture_example(size: ImageSize) -> Tensor:
    """Pictures to follow through a program."""
    return torch.rand(EXAMPLE, 1, *size, generator=torch.Generator().manual_seed(0))


def scan_example() -> Tensor:
    """Scans to follow through a program."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (EXAMPLE, HEIGHT, WIDTH), generator=generator).to(torch.uint8)


def make_program(module: nn.Module, example: Tensor) -> torch.export.ExportedProgram:
    """The module's computation for any number of images. NetworkError where it can't be followed.

    Raises NetworkError for a network whose computation hangs on more than shapes.
    """
    module = module.eval()
    batch = torch.export.Dim("batch", min=1, max=65_536)
    try:
        with torch.no_grad():
            # Once as it is: tables that are made at the first call would be made of stand-ins.
            module(example)
            return torch.export.export(
                module, (example,), dynamic_shapes=({0: batch},), strict=False
            )
    except Exception as error:  # noqa: BLE001  # torch raises what it likes over a model
        raise NetworkError(
            f"this network can't be exported: torch.export says {one_line(error)}; take"
            " format=weights or format=hub, or another trunk"
        ) from None


def save_program(
    program: torch.export.ExportedProgram, path: Path, about: str
) -> Callable[[npt.NDArray[Any]], Probabilities]:
    """Write a program as torch.export.load opens it, `about` inside as graphemes.json.

    What reads a batch by the file that was written comes back.
    """
    torch.export.save(program, path, extra_files={ABOUT: about})
    module = torch.export.load(path).module()

    def read(batch: npt.NDArray[Any]) -> Probabilities:
        with torch.inference_mode():
            found = module(torch.from_numpy(batch))
        return PerHead(*(head.numpy() for head in found))

    return read
