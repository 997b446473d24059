"""One pass over batches: the mean is over images, a broken loss takes no step."""

import copy

import pytest
import torch
from torch import Tensor, nn

from graphemes.foundation.heads import HEADS, PerHead
from graphemes.foundation.settings.groups import Architecture, Learning
from graphemes.foundation.settings.types import ImageSize
from graphemes.network.devices import Engine
from graphemes.network.model import Logits, build_network
from graphemes.training.epoch import Learner, NotFinite, make_learner, train_epoch
from graphemes.training.losses import training_loss

CPU = torch.device("cpu")
PLACE = (0, 0, 2)


class Flat(nn.Module):
    """A linear layer a head: the least that has the network's interface."""

    def __init__(self, dropout: float = 0.0, pixels: int = 16) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.heads = nn.ModuleList(nn.Linear(pixels, head.classes) for head in HEADS)
        self.drop = nn.Dropout(dropout)

    def forward(self, ink: Tensor) -> Logits:
        features = self.drop(ink.flatten(1))
        return Logits(PerHead(*(head(features) for head in self.heads)))


class WithGraphemes(Flat):
    """The same with a fourth layer."""

    def __init__(self) -> None:
        super().__init__()
        self.graphemes = nn.Linear(16, 1295)

    def forward(self, ink: Tensor) -> Logits:
        return Logits(super().forward(ink).heads, self.graphemes(ink.flatten(1)))


def batch(images: int, seed: int = 0, side: int = 4) -> tuple[Tensor, PerHead[Tensor]]:
    random = torch.Generator().manual_seed(seed)
    labels = HEADS.map(lambda head: torch.randint(head.classes, (images,), generator=random))
    return torch.rand(images, 1, side, side, generator=random), labels


def learner(precision: str = "fp32", network: nn.Module | None = None, **values) -> Learner:
    settings = Learning(**{"lr": 0.01, "schedule": "cosine", "warmup": 0.0, **values})
    return make_learner(network or Flat(), settings, Engine(CPU, precision), steps=10)


def nothing(_count: int, **_facts: str) -> None: ...


def parameters(module: nn.Module) -> list[Tensor]:
    return [p.detach().clone() for p in module.parameters()]


def test_the_loss_is_a_mean_over_images_and_not_over_batches():
    still = learner(lr=1e-12)
    parts = [batch(6, 1), batch(2, 2)]
    losses = [training_loss(still.network(ink), labels, 0.5).item() for ink, labels in parts]
    counted: list[int] = []
    result = train_epoch(still, parts, PLACE, lambda count, **_: counted.append(count))
    assert result.loss == pytest.approx((6 * losses[0] + 2 * losses[1]) / 8, rel=1e-5)
    assert result.loss != pytest.approx(sum(losses) / 2, rel=1e-5)
    assert result.images == 8
    assert counted == [6, 2]
    assert result.seconds > 0


def test_a_grapheme_heads_loss_is_weighed_as_asked():
    ours = learner(lr=1e-12, grapheme_head=True, grapheme_weight=0.7, network=WithGraphemes())
    ink, labels = batch(8)
    labels = labels.map(torch.zeros_like)  # ং, one of the competition's
    wanted = training_loss(ours.network(ink), labels, 0.7).item()
    assert train_epoch(ours, [(ink, labels)], PLACE, nothing).loss == pytest.approx(wanted)
    assert training_loss(ours.network(ink), labels, 0.6).item() < wanted - 0.1


def test_a_pass_lowers_the_loss_and_moves_schedule_and_mean():
    ours = learner(ema=0.9)
    first = train_epoch(ours, [batch(8)] * 5, PLACE, nothing)
    second = train_epoch(ours, [batch(8)] * 5, PLACE, nothing)
    assert second.loss < first.loss
    assert second.lr < first.lr < 0.01
    assert int(ours.average.average.n_averaged) == 10
    assert not torch.equal(ours.average.network.heads[0].bias, ours.network.heads[0].bias)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_before_the_step(bad):
    ours = learner(lr=0.004)
    good = batch(4)
    spoilt = (torch.full_like(good[0], bad), good[1])
    train_epoch(ours, [good], PLACE, nothing)
    before, mean = parameters(ours.network), parameters(ours.average.network)
    moments = copy.deepcopy(ours.optimiser.state_dict()["state"])
    with pytest.raises(NotFinite) as caught:
        train_epoch(ours, [spoilt], PLACE, nothing)
    assert str(caught.value) == (
        "epoch 3, step 1: the loss is nan at learning rate 0.004, expected finite numbers;"
        " what was written before is kept; try a lower lr, or precision=fp32"
    )
    assert all(map(torch.equal, before, parameters(ours.network)))
    assert all(map(torch.equal, mean, parameters(ours.average.network)))
    after = ours.optimiser.state_dict()["state"]
    assert all(torch.equal(moments[p]["exp_avg"], after[p]["exp_avg"]) for p in moments)


def test_a_gradient_that_is_not_finite_stops_too():
    ours = learner()
    before = parameters(ours.network)
    ours.network.heads[1].weight.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(NotFinite, match="epoch 3, step 1: its gradient is not finite at learning"):
        train_epoch(ours, [batch(4)], PLACE, nothing)
    assert all(map(torch.equal, before, parameters(ours.network)))


def test_gradients_are_clipped_to_their_common_norm():
    free, clipped = learner(clip=1e6), learner(clip=0.01)
    for each in (free, clipped):
        train_epoch(each, [batch(8)], PLACE, nothing)
    first, second = ([p.grad for p in each.network.parameters()] for each in (free, clipped))
    norm = torch.stack([gradient.norm() for gradient in first]).norm()
    assert norm > 0.1
    for whole, cut in zip(first, second, strict=True):
        torch.testing.assert_close(cut, whole * (0.01 / norm), rtol=1e-4, atol=1e-9)


def test_a_small_gradient_is_not_clipped():
    free, loose = learner(clip=1e6), learner(clip=100.0)
    for each in (free, loose):
        train_epoch(each, [batch(8)], PLACE, nothing)
    assert all(map(torch.equal, parameters(free.network), parameters(loose.network)))


def test_bfloat16_on_a_cpu_takes_a_step_near_that_of_float32():
    exact, rough = (learner(kind, Flat(pixels=24 * 24)) for kind in ("fp32", "bf16"))
    batches = [batch(8, side=24)] * 3
    losses = [train_epoch(each, batches, PLACE, nothing).loss for each in (exact, rough)]
    assert losses[0] == pytest.approx(losses[1], rel=0.01)
    assert losses[0] != losses[1]
    assert all(p.dtype == torch.float32 for p in rough.network.parameters())


def test_pictures_whose_maps_end_one_wide_are_trained_in_float32():
    def trained(precision: str) -> list[Tensor]:
        small = Architecture(trunk="resnet18", widths="8,16,32,64")
        network = build_network(small, ImageSize(16, 16), 0)
        ours = learner(precision, network, clip=1e6)
        # So that what a kernel leaves unwritten isn't by chance a small number.
        for junk in [torch.full((1 << 12,), float("nan")) for _ in range(500)]:
            del junk
        train_epoch(ours, [batch(8, side=16)], PLACE, nothing)
        return [p.grad for p in network.parameters()]

    assert all(map(torch.equal, trained("fp32"), trained("bf16")))


def test_what_a_network_draws_depends_on_the_key_alone():
    def drawn(key: tuple[int, int, int], before: int) -> list[Tensor]:
        ours = learner(network=Flat(dropout=0.5))
        torch.rand(before)
        train_epoch(ours, [batch(8)] * 2, key, nothing)
        return parameters(ours.network)

    first = drawn((0, 1, 2), before=0)
    assert all(map(torch.equal, first, drawn((0, 1, 2), before=5)))
    assert not all(map(torch.equal, first, drawn((0, 1, 3), before=0)))


def test_the_network_trains_while_it_is_trained():
    ours = learner()
    ours.network.eval()
    train_epoch(ours, [batch(4)], PLACE, nothing)
    assert ours.network.training


class Necked(Flat):
    """With a hidden layer, which Muon is for."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.neck = nn.Linear(16, 16)

    def forward(self, ink: Tensor) -> Logits:
        return super().forward(self.neck(ink.flatten(1)).relu())


class Scaling(Engine):
    """Scales losses as fp16 does; torch's scaler works on a CPU, too."""

    needs_scaler = True


@pytest.mark.parametrize("optimiser", ["adamw", "muon", "sgd"])
def test_a_scaled_loss_takes_the_same_step_or_none(optimiser):
    plain, scaled, beyond = (learner(optimiser=optimiser, network=Necked()) for _ in range(3))
    scaled.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**12)
    beyond.engine = Scaling(CPU, "fp32")
    beyond.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)  # float32 ends at 2^128
    fresh = parameters(beyond.network)
    for each in (plain, scaled):
        train_epoch(each, [batch(8)] * 2, PLACE, nothing)
    train_epoch(beyond, [(100 * batch(8)[0], batch(8)[1])], PLACE, nothing)
    pairs = zip(parameters(plain.network), parameters(scaled.network), strict=True)
    for one, other in pairs:
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    assert not all(map(torch.equal, fresh, parameters(plain.network)))
    assert all(map(torch.equal, fresh, parameters(beyond.network)))
    assert beyond.scaler.get_scale() == 2.0**126
