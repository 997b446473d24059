"""He et al. 2015 (arXiv:1512.03385), table 1, held against the networks here."""

import torch

from graphemes.network.cost import multiply_adds
from graphemes.network.resnet import TABLE, Bottleneck, ResNet

# He et al. 2015, table 1: multiply-adds in 1e9 at 224x224, three channels, 1,000 classes.
PAPER = {"resnet18": 1.8, "resnet34": 3.6, "resnet50": 3.8, "resnet101": 7.6, "resnet152": 11.3}


def paper_lines() -> list[str]:
    """The table of He et al. beside these networks, and why they differ."""
    lines = [
        "He et al. 2015, table 1: 1e9 multiply-adds at 224x224, 3 channels, 1,000 classes",
        f"{'':<12}{'here':>8}{'as theirs':>11}{'printed':>9}",
    ]
    for name, printed in PAPER.items():
        here, theirs = paper_counts(name)
        ways = {round(theirs, 1): "rounded", int(theirs * 10) / 10: "cut, not rounded"}
        way = ways.get(printed, "neither rounded nor cut")
        lines.append(f"{name:<12}{here:>8.3f}{theirs:>11.3f}{printed:>9.1f}  {way}")
    lines.append(
        "as theirs: basic blocks with zeros for new channels (shortcut=pad), bottlenecks with the"
        " stride on their first 1x1; ours project, and stride on the 3x3, as torchvision and timm"
    )
    return lines


def paper_counts(name: str) -> tuple[float, float]:
    """1e9 multiply-adds of a network of the table as it is here, and as the paper describes it."""
    block = TABLE[name][0]
    with torch.device("meta"):
        here = ResNet(*TABLE[name], 3, 1000)
        theirs = here if block is Bottleneck else ResNet(*TABLE[name], 3, 1000, shortcut="pad")
        count = multiply_adds(here, 3, 224, 224) / 1e9
        for part in theirs.modules():
            if isinstance(part, Bottleneck):
                part.conv1.stride, part.conv2.stride = part.conv2.stride, part.conv1.stride
        return count, multiply_adds(theirs, 3, 224, 224) / 1e9
