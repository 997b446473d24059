"""The processes that train one network together: torch.distributed behind one value.

Each is a rank; the first alone writes and speaks. What isn't tensors of the network goes over the
CPU (gloo), gradients over whatever joins the devices (nccl between GPUs).
"""

import contextlib
import dataclasses
import datetime
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from graphemes.foundation.environment import RankVariables
from graphemes.foundation.errors import GRACE, AlreadySaid, UserError, one_line
from graphemes.foundation.machine import cores, keep_to_cores, take_share_of_cores, usable_cores

Made = TypeVar("Made")
# The others wait for the first while it draws, decodes and predicts. On one machine nobody waits so
# long for one that is gone: whoever started the processes ends them all when one ends badly.
PATIENCE = datetime.timedelta(days=7)
# In a step they wait for the slowest alone: a machine that is gone without a word is noticed.
STEP_PATIENCE = datetime.timedelta(minutes=30)


@dataclass(frozen=True)
class Ranks:
    """A group of processes and this one's place in it; alone it is the first and nobody waits."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0  # on this machine
    local_size: int = 1
    cores: tuple[int, ...] = ()  # those of the machine that its processes share
    waiting: Any = None  # torch's group in which they wait for each other, with PATIENCE

    def __deepcopy__(self, _memo: Any) -> Self:
        return self  # norms hold it and are copied with their network; torch's groups can't be

    @property
    def is_first(self) -> bool:
        """Whether this process writes and speaks."""
        return self.rank == 0

    def of_first(self, make: Callable[[], Made]) -> Made:
        """What `make` gives in the first process, in all of them; the others don't call it."""
        if self.size == 1:
            return make()
        made: list[Any] = [make() if self.is_first else None]
        cpu = torch.device("cpu")
        distributed.broadcast_object_list(made, src=0, group=self.waiting, device=cpu)
        return made[0]  # type: ignore[no-any-return]

    def gathered(self, part: Made) -> list[Made]:
        """The parts of all processes, by rank; empty in all but the first."""
        if self.size == 1:
            return [part]
        parts: list[Any] | None = [None] * self.size if self.is_first else None
        distributed.gather_object(part, parts, dst=0, group=self.waiting)
        return parts or []

    def meet(self) -> None:
        """Go on when all processes are here."""
        if self.size > 1:
            distributed.all_reduce(torch.zeros(1), group=self.waiting)

    @contextlib.contextmanager
    def first_before_others(self) -> Iterator[None]:
        """Around what the first process makes and the others then find made; it waits for them."""
        if not self.is_first:
            self.meet()
        else:
            self.work_alone()
        yield
        if self.is_first:
            self.work_together()
            self.meet()
        self.meet()

    def work_alone(self) -> None:
        """Take the cores of the others here, who have nothing to do."""
        if self.size > 1:
            keep_to_cores(list(self.cores))
            torch.set_num_threads(usable_cores())

    def work_together(self) -> None:
        """Keep to this process's share of the cores."""
        if self.size > 1:
            torch.set_num_threads(take_share_of_cores(self.local_rank, self.local_size))

    def greatest(self, value: int) -> int:
        """The greatest of the processes' values, for all of them."""
        if self.size == 1:
            return value
        values = torch.tensor([value])
        distributed.all_reduce(values, distributed.ReduceOp.MAX, group=self.waiting)
        return int(values.item())

    def mean(self, value: float) -> float:
        """The mean of the processes' values."""
        return self.sum(torch.tensor([value], dtype=torch.float64)).item() / self.size

    def sum(self, values: Tensor) -> Tensor:
        """The sum of the processes' values, for all of them; gradients go to all of them too."""
        return values if self.size == 1 else _Sum.apply(values)  # type: ignore[no-untyped-call]

    def parallel(self, network: nn.Module) -> nn.Module:
        """The network as a module whose backward pass takes the mean of the gradients."""
        if self.size == 1:
            return network
        device = next(network.parameters()).device
        ids = [device.index] if device.type == "cuda" else None
        return DistributedDataParallel(network, device_ids=ids)

    def step_later(self, parallel: nn.Module) -> contextlib.AbstractContextManager[None]:
        """Around passes whose gradients stay in their process for now."""
        if isinstance(parallel, DistributedDataParallel):
            return parallel.no_sync()
        return contextlib.nullcontext()

    def take_buffers_of_first(self, network: nn.Module) -> None:
        """Give the network the first's running statistics, as torch does before each step."""
        for buffer in network.buffers() if self.size > 1 else ():
            distributed.broadcast(buffer, src=0)


ALONE = Ranks()


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(_ctx: Any, values: Tensor) -> Tensor:
        values = values.clone()
        distributed.all_reduce(values)
        return values

    @staticmethod
    def backward(_ctx: Any, *gradients: Tensor) -> Tensor:
        summed = gradients[0].clone()
        distributed.all_reduce(summed)
        return summed


@contextlib.contextmanager
def joined(place: RankVariables | None) -> Iterator[Ranks]:
    """The group that torchrun's variables name; without them this process alone.

    An error goes on in one process only: in the others it becomes AlreadySaid. On a CPU each
    process keeps to its share of the cores.
    """
    if place is None:
        yield ALONE
        return
    ranks = Ranks(*place, tuple(cores()))
    ranks.work_together()
    gpus = torch.cuda.is_available()
    if gpus and place.local_rank < torch.cuda.device_count():
        torch.cuda.set_device(place.local_rank)
    backend = "cpu:gloo,cuda:nccl" if gpus and distributed.is_nccl_available() else "gloo"
    try:
        distributed.init_process_group(backend, timeout=STEP_PATIENCE)
        waiting = distributed.new_group(backend="gloo", timeout=PATIENCE)
        notes = _notes()
    except (RuntimeError, ValueError) as error:  # ValueError: a variable of torchrun's lacks
        raise _lost(ranks, error) from None
    ranks = dataclasses.replace(ranks, waiting=waiting)
    try:
        yield ranks
        ranks.meet()  # nccl wants its groups dissolved by all at one time
    except UserError:
        if not _is_first_to_fail(notes):
            time.sleep(GRACE)
            raise AlreadySaid(2) from None
        raise
    except Exception as error:
        time.sleep(GRACE)  # if another's end is the reason, this process is ended meanwhile
        if not _is_first_to_fail(notes):
            raise AlreadySaid(2) from None
        if _is_of_group(error):
            raise _lost(ranks, error) from None
        raise
    distributed.destroy_process_group()


def _notes() -> Any:
    """Where the group's processes leave notes for each other, also when one of them is gone."""
    store = distributed.TCPStore(  # type: ignore[attr-defined]
        os.environ["MASTER_ADDR"],
        int(os.environ["MASTER_PORT"]),
        is_master=False,
        wait_for_workers=False,
        timeout=datetime.timedelta(seconds=60),
    )
    restarts = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    return distributed.PrefixStore(f"graphemes/{restarts}", store)  # type: ignore[attr-defined]


def _is_first_to_fail(notes: Any) -> bool:
    try:
        return bool(notes.add("failed", 1) == 1)
    except RuntimeError:  # who keeps the notes is gone, so nobody can be asked
        return True


def _is_of_group(error: Exception) -> bool:
    """Whether an error is one of the group's connections."""
    text = str(error)
    words = ("gloo", "NCCL", "Connection closed by peer", "Connection reset by peer", "TCPStore")
    return isinstance(error, RuntimeError) and any(word in text for word in words)


def _lost(ranks: Ranks, error: Exception) -> UserError:
    return UserError(
        f"process {ranks.rank + 1} of {ranks.size} can't reach the others"
        f" ({one_line(error)[:200]}); look at what they said, and run all of them again"
    )
