"""Members of an ensemble: each run's networks and share, and what a submission notes of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from graphemes.foundation.files import digest
from graphemes.pipeline.existing_results import submission_origin
from graphemes.pipeline.identity import RunIdentity
from graphemes.pipeline.trained_networks import ReadyNetworks


@dataclass(frozen=True)
class Member:
    """One run that is averaged, its folds among themselves first; alone it has the whole share."""

    ready: ReadyNetworks
    share: float = 1.0
    name: str = ""


def origin_of_members(members: Sequence[Member]) -> dict[str, str]:
    """What tells a submission of these runs from others: settings, data, shares.

    What all agree in stands there as of one run.
    """
    origins = [_origin(member.ready) for member in members]
    if len(origins) == 1:
        return origins[0]
    keys = dict.fromkeys(key for origin in origins for key in origin)
    found = {key: _joined([origin.get(key, "") for origin in origins]) for key in keys}
    return {**found, "share_values": ",".join(f"{member.share:.6g}" for member in members)}


def _origin(ready: ReadyNetworks) -> dict[str, str]:
    record = ready.records[0]
    one = RunIdentity.of_weights(record)
    return submission_origin(replace(one, settings={**one.settings, **ready.otherwise}))


def _joined(values: Sequence[str]) -> str:
    return values[0] if len(set(values)) == 1 else digest("\n".join(values).encode())


def member_lines(members: Sequence[Member]) -> list[str]:
    """What is averaged, for people; nothing of one run's plain reading."""
    if len(members) == 1 and members[0].ready.tta == "none":
        return []
    lines = []
    for member in members:
        ready = member.ready
        run = f"run {member.name}, share {member.share:.4g}: " if len(members) > 1 else ""
        lines.append(
            f"  {run}{len(ready.networks)} network(s) at {ready.image_size}, tta={ready.tta}"
        )
    return lines
