"""Decay where it belongs, a learning rate that rises and falls, a mean that forgets the start."""

import copy
import importlib
import itertools
import sys

import pytest
import torch
from torch import nn

from graphemes.foundation.errors import MissingPackage
from graphemes.foundation.settings.groups import Learning
from graphemes.network.timm_library import timm_library
from graphemes.training import muon
from graphemes.training.optimisation import (
    SnapshotMean,
    WeightAverage,
    make_optimiser,
    make_schedule,
    need_optimiser,
)


def small() -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 2))


def test_norms_and_biases_do_not_decay():
    network = small()
    optimiser = make_optimiser(network, Learning(weight_decay=0.3))
    decay = {
        id(p): group["weight_decay"] for group in optimiser.param_groups for p in group["params"]
    }
    assert {name: decay[id(p)] for name, p in network.named_parameters()} == {
        "0.weight": 0.3,
        "0.bias": 0.0,
        "1.weight": 0.0,
        "1.bias": 0.0,
        "3.weight": 0.3,
        "3.bias": 0.0,
    }


def test_a_step_is_that_of_plain_adamw():
    """Fused and grouped, it moves the weights as torch's simplest loop does."""
    # Not in training: there the norm leaves the bias before it a gradient of rounding errors only,
    # which AdamW makes a whole step of.
    ours, judged = small().eval(), small().eval()
    settings = Learning(lr=0.01, weight_decay=0.3)
    optimiser = make_optimiser(ours, settings)
    groups = [
        {"params": [p for p in judged.parameters() if p.ndim > 1], "weight_decay": 0.3},
        {"params": [p for p in judged.parameters() if p.ndim == 1], "weight_decay": 0.0},
    ]
    judge = torch.optim.AdamW(groups, lr=0.01, foreach=False, fused=False)
    for step in range(3):
        x = torch.rand(4, 1, 4, 4, generator=torch.Generator().manual_seed(step))
        for network, taken in ((ours, optimiser), (judged, judge)):
            taken.zero_grad()
            network(x).square().sum().backward()
            taken.step()
    for first, second in zip(ours.parameters(), judged.parameters(), strict=True):
        torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-7)


def gradient(network: nn.Module, step: int) -> None:
    """Put a gradient that isn't all rounding into every parameter."""
    random = torch.Generator().manual_seed(step)
    for p in network.parameters():
        p.grad = torch.randn(p.shape, generator=random)


def test_sgd_is_torchs_with_nesterovs_momentum():
    ours, judged = small(), small()
    optimiser = make_optimiser(ours, Learning(optimiser="sgd", lr=0.1, weight_decay=0.3))
    groups = [
        {"params": [p for p in judged.parameters() if p.ndim > 1], "weight_decay": 0.3},
        {"params": [p for p in judged.parameters() if p.ndim == 1]},
    ]
    judge = torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True, foreach=False)
    for step in range(3):
        for network, taken in ((ours, optimiser), (judged, judge)):
            gradient(network, step)
            taken.step()
    for first, second in zip(ours.parameters(), judged.parameters(), strict=True):
        torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-7)


class Whole(nn.Module):
    """A trunk, a neck and heads by the names of the network's."""

    def __init__(self) -> None:
        super().__init__()
        stem, depthwise = nn.Conv2d(1, 8, 3), nn.Conv2d(8, 8, 3, groups=8)
        self.trunk = nn.Sequential(stem, nn.BatchNorm2d(8), nn.Conv2d(8, 32, 3), depthwise)
        self.neck = nn.Linear(32, 12)
        self.heads = nn.ModuleDict({"root": nn.Linear(12, 9)})
        self.graphemes = nn.Linear(12, 20)


HIDDEN = {"trunk.2.weight", "neck.weight"}


@pytest.fixture
def whole() -> Whole:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Whole()


def test_muon_makes_the_hidden_steps_orthogonal_and_as_long_as_adamws(whole):
    """Liu et al. 2025, equation 4: 0.2 x the root of the longer side, times a matrix of singular
    values near 1, as five rounds of Newton-Schulz leave them.
    """
    settings = Learning(optimiser="muon", lr=0.01, weight_decay=0)
    before = {name: p.detach().clone() for name, p in whole.named_parameters()}
    gradient(whole, 0)
    make_optimiser(whole, settings).step()
    for name in HIDDEN:
        step = (whole.get_parameter(name).detach() - before[name]).flatten(1)
        values = torch.linalg.svdvals(step) / (0.01 * 0.2 * max(step.shape) ** 0.5)
        assert values.min() > 0.6
        assert values.max() < 1.4
        assert 0.1 < step.square().mean().sqrt() / 0.01 < 0.3  # of AdamW's about 0.2 to 0.4


def test_muon_leaves_first_and_last_layers_norms_and_biases_to_adamw(whole):
    """As the schedule has it, which older timm's AdamW beside Muon didn't heed."""
    judged = copy.deepcopy(whole)
    settings = Learning(optimiser="muon", lr=0.01, weight_decay=0.3, schedule="cosine")
    plain = settings.model_copy(update={"optimiser": "adamw"})
    for network, asked in ((whole, settings), (judged, plain)):
        optimiser = make_optimiser(network, asked)
        schedule = make_schedule(optimiser, asked, 20)
        for step in range(4):
            gradient(network, step)
            optimiser.step()
            schedule.step()
    for (name, ours), judge in zip(whole.named_parameters(), judged.parameters(), strict=True):
        if name in HIDDEN:
            assert (ours - judge).abs().max() > 0.01
        else:
            torch.testing.assert_close(ours, judge, rtol=1e-5, atol=1e-7, msg=name)


def test_muon_goes_on_at_the_schedules_rate_from_a_state_of_any_timm(whole):
    """As of 1.0.26: its groups have the last step's rate, and no scale to those that follow."""
    settings = Learning(optimiser="muon", lr=0.01)
    optimiser = make_optimiser(whole, settings)
    schedule = make_schedule(optimiser, settings, 20)
    for step in range(8):
        gradient(whole, step)
        optimiser.step()
        schedule.step()
    older = copy.deepcopy(optimiser.state_dict())
    for group in older["param_groups"]:
        group.pop("fallback_lr_scale", None)
        assert group["adamw_lr"] > 0.001
    copied = copy.deepcopy(whole)
    resumed = make_optimiser(copied, settings)
    make_schedule(resumed, settings, 20)  # so that its groups know the rate to begin with
    resumed.load_state_dict(older)
    for network, taken in ((whole, optimiser), (copied, resumed)):
        gradient(network, 8)
        taken.step()
    assert all(map(torch.equal, whole.parameters(), copied.parameters()))


def test_muon_decays_as_adamw_does(whole):
    for kind in ("muon", "adamw"):
        network = copy.deepcopy(whole)
        for p in network.parameters():
            p.grad = torch.zeros_like(p)
        make_optimiser(network, Learning(optimiser=kind, lr=0.1, weight_decay=0.3)).step()
        for name, p in network.named_parameters():
            share = 1 - 0.1 * 0.3 if p.ndim > 1 else 1
            torch.testing.assert_close(p, share * whole.get_parameter(name), msg=name)


@pytest.mark.parametrize(("fast", "expected"), [("bf16", {}), ("fp32", {"dtype": torch.float32})])
def test_muon_multiplies_in_bfloat16_only_where_that_is_fast(monkeypatch, whole, fast, expected):
    """A CPU without it would take 30 times as long as in float32. timm's own is left as it was."""
    timm_library()
    module = importlib.import_module("timm.optim.muon")
    timms, seen = module.zeropower_via_newtonschulz, []

    def watched(*args: object, **options: object) -> object:
        seen.append({key: value for key, value in options.items() if key == "dtype"})
        return timms(*args, **options)

    monkeypatch.setattr(module, "zeropower_via_newtonschulz", watched)
    monkeypatch.setattr(muon, "fast_precision", lambda _device: fast)
    gradient(whole, 0)
    make_optimiser(whole, Learning(optimiser="muon")).step()
    assert seen == [expected] * len(HIDDEN)
    assert module.zeropower_via_newtonschulz is watched


def test_a_timm_without_muon_is_said_before_the_work(monkeypatch, whole):
    timm = timm_library()
    monkeypatch.delattr(importlib.import_module("timm.optim"), "Muon")
    need_optimiser(Learning())
    for call in (lambda asked: make_optimiser(whole, asked), need_optimiser):
        with pytest.raises(MissingPackage) as caught:
            call(Learning(optimiser="muon"))
        assert str(caught.value) == (
            f"optimiser=muon: timm {timm.__version__} has none, 1.0.21 is the first that has; pip"
            " install -U timm, or leave it out"
        )
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingPackage, match=r"^optimiser=muon: timm isn't installed; pip install"):
        need_optimiser(Learning(optimiser="muon"))


def rates(steps: int, **values: object) -> list[float]:
    """The learning rate of each step, and what it is after the last."""
    optimiser = make_optimiser(small(), Learning(lr=0.1, **values))
    schedule = make_schedule(optimiser, Learning(lr=0.1, **values), steps)
    found = []
    for _ in range(steps):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    return [*found, optimiser.param_groups[0]["lr"]]


@pytest.mark.parametrize("kind", ["onecycle", "cosine"])
@pytest.mark.parametrize("warmup", [0.1, 0.15, 0.5])
def test_the_rate_rises_then_falls(kind, warmup):
    found = rates(100, schedule=kind, warmup=warmup)
    top = found.index(max(found))
    assert top == pytest.approx(100 * warmup, abs=1)
    assert found[: top + 1] == sorted(found[: top + 1])
    assert found[top:] == sorted(found[top:], reverse=True)
    assert max(found) == pytest.approx(0.1, rel=0.01)
    assert 0 < found[0] < 0.02
    assert found[-1] < 1e-4
    assert found[99] < 0.001


@pytest.mark.parametrize("kind", ["onecycle", "cosine"])
@pytest.mark.parametrize(
    ("steps", "warmup"),
    [(1, 0.0), (1, 0.15), (2, 0.0), (2, 0.15), (2, 0.99), (50, 0.0), (1, 0.5), (9, 0.1), (4, 0.2)],
)
def test_short_runs_and_no_warm_up_work(kind, steps, warmup):
    found = rates(steps, schedule=kind, warmup=warmup)
    assert len(found) == steps + 1
    assert all(0 < rate <= 0.1 * 1.0001 for rate in found[:steps])
    assert all(0 <= rate <= 0.1 for rate in found[steps:])
    if warmup == 0:
        assert found == sorted(found, reverse=True)
        assert found[0] == pytest.approx(0.1, rel=1 / steps)


@pytest.mark.parametrize("kind", ["onecycle", "cosine"])
@pytest.mark.parametrize("warmup", [0.0, 0.15, 0.5])
@pytest.mark.parametrize(("epochs", "cycles"), [(6, 3), (7, 3), (2, 2)])
def test_cycles_are_whole_schedules_one_after_another(kind, warmup, epochs, cycles):
    """Each as torch's OneCycleLR, or the cosine, has it alone."""
    found = rates(5 * epochs, schedule=kind, warmup=warmup, epochs=epochs, cycles=cycles)
    ends = [0, *(epochs * (cycle + 1) // cycles for cycle in range(cycles))]
    lengths = [5 * (end - start) for start, end in itertools.pairwise(ends)]
    single = [rates(length, schedule=kind, warmup=warmup) for length in lengths]
    wanted = [rate for one in single for rate in one[:-1]] + single[-1][-1:]
    assert found == pytest.approx(wanted, rel=1e-9, abs=1e-12)


def test_the_mean_of_snapshots_is_plain():
    network = small()
    mean, states = SnapshotMean(network), []
    for moment in range(4):
        random = torch.Generator().manual_seed(moment)
        with torch.no_grad():
            for tensor in floats(network.state_dict().items()).values():
                tensor.copy_(torch.randn(tensor.shape, generator=random))
        network[1].num_batches_tracked += 5
        states.append(copy.deepcopy(network.state_dict()))
        mean.update(network)
        for name, tensor in floats(mean.network.state_dict().items()).items():
            wanted = torch.stack([state[name] for state in states]).mean(0)
            torch.testing.assert_close(tensor, wanted, msg=name)
    assert mean.network[1].num_batches_tracked == 20


def test_the_mean_is_a_recurrence_with_a_warmed_up_decay():
    network = small()
    for bound in (0.998, 0.5):
        average = WeightAverage(network, bound)
        wanted: dict[str, torch.Tensor] = {}
        for step in range(30):
            random = torch.Generator().manual_seed(step)
            with torch.no_grad():
                for tensor in (*network.parameters(), *floats(network.named_buffers()).values()):
                    tensor.copy_(torch.randn(tensor.shape, generator=random))
            average.update(network)
            decay = min(bound, (1 + step) / (10 + step)) if step else 0.0
            for name, tensor in floats(network.state_dict().items()).items():
                before = wanted.get(name, torch.zeros_like(tensor, dtype=torch.float64))
                wanted[name] = decay * before + (1 - decay) * tensor.double()
        got = average.network.state_dict()
        assert {"1.running_mean", "1.running_var"} < wanted.keys()
        for name, tensor in wanted.items():
            torch.testing.assert_close(got[name].double(), tensor, rtol=1e-5, atol=1e-6)


def floats(tensors) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in tensors if tensor.is_floating_point()}


def test_the_first_update_is_the_weights_themselves():
    network = small()
    average = WeightAverage(small(), 0.998)
    with torch.no_grad():
        network[3].bias += 7
    average.update(network)
    torch.testing.assert_close(average.network[3].bias, network[3].bias)


def test_the_mean_leaves_the_network_alone():
    network = small()
    before = copy.deepcopy(network.state_dict())
    average = WeightAverage(network, 0.9)
    for _ in range(3):
        average.update(network)
    assert average.network is not network
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_indices_and_counts_are_taken_as_they_are():
    """A mean of whole numbers would be cut: 6 and 7 to 6, and an index points elsewhere."""
    network = small()
    network.register_buffer("index", torch.arange(50))
    average = WeightAverage(network, 0.998)
    for _ in range(8):
        network(torch.randn(4, 1, 4, 4))
        average.update(network)
    assert torch.equal(average.network.index, torch.arange(50))
    counts = [name for name in network.state_dict() if name.endswith("num_batches_tracked")]
    assert counts
    got, wanted = average.network.state_dict(), network.state_dict()
    assert all(got[name] == wanted[name] == 8 for name in counts)
