"""Decay where it belongs, a learning rate that rises and falls, a mean that forgets the start."""

import copy

import pytest
import torch
from torch import nn

from graphemes.foundation.settings.groups import Learning
from graphemes.training.optimisation import WeightAverage, make_optimiser, make_schedule


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
