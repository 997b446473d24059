"""The loss is torch's cross-entropies, weighted as the score is; other kinds are as published."""

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from graphemes.foundation.classes import competition_graphemes
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.foundation.seeds import stream
from graphemes.foundation.settings.groups import Learning
from graphemes.network.model import Logits
from graphemes.training.class_losses import (
    adjusted,
    balanced_weights,
    class_counts,
    focal,
    log_shares,
)
from graphemes.training.losses import (
    TrainingLoss,
    counted_share,
    grapheme_losses,
    graphemes_loss,
    hardest,
    heads_loss,
    make_loss,
    training_loss,
)
from graphemes.training.mixing import KINDS, MixedLabels


@pytest.fixture
def batch() -> tuple[PerHead[Tensor], PerHead[Tensor]]:
    random = torch.Generator().manual_seed(0)
    logits = HEADS.map(lambda head: 3 * torch.randn(9, head.classes, generator=random))
    labels = HEADS.map(lambda head: torch.randint(head.classes, (9,), generator=random))
    return logits, labels


def test_it_is_the_weighted_mean_of_cross_entropies(batch):
    logits, labels = batch
    root, vowel, consonant = map(functional.cross_entropy, logits, labels)
    wanted = (2 * root + vowel + consonant) / 4
    torch.testing.assert_close(heads_loss(logits, labels), wanted)


def test_a_uniform_guess_costs_the_logarithm_of_the_classes():
    logits = HEADS.map(lambda head: torch.zeros(2, head.classes))
    labels = PerHead(*[torch.tensor([0, 3])] * 3)
    wanted = torch.tensor([168.0, 168, 11, 7]).log().mean()
    torch.testing.assert_close(heads_loss(logits, labels), wanted)


def test_gradients_reach_each_head_by_its_weight(batch):
    logits, labels = batch
    logits = logits.map(lambda head: head.requires_grad_())
    heads_loss(logits, labels).backward()
    for head, values, truth in zip(HEADS, logits, labels, strict=True):
        with torch.no_grad():
            wanted = values.softmax(1) - functional.one_hot(truth, head.classes)
        torch.testing.assert_close(values.grad, wanted * head.weight / 4 / 9)


def test_half_precision_logits_are_summed_in_float32(batch):
    logits, labels = batch
    halved = logits.map(lambda head: head.to(torch.bfloat16))
    loss = heads_loss(halved, labels)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, heads_loss(halved.map(torch.Tensor.float), labels))


SEEN = [tuple(one.labels) for one in competition_graphemes()]
TWINS = [k for k, labels in enumerate(SEEN) if SEEN.count(labels) == 2]


def labels_of(*triples: tuple[int, int, int]) -> PerHead[torch.Tensor]:
    return PerHead(*torch.tensor(triples).T)


@pytest.fixture
def graphemes() -> torch.Tensor:
    return 3 * torch.randn(4, 1295, generator=torch.Generator().manual_seed(1))


def test_graphemes_cost_their_cross_entropy(graphemes):
    chosen = [k for k in (3, 500, 700, 1294) if k not in TWINS]
    got = graphemes_loss(graphemes, labels_of(*(SEEN[k] for k in chosen)))
    torch.testing.assert_close(got, functional.cross_entropy(graphemes, torch.tensor(chosen)))


def test_of_two_graphemes_with_one_triple_either_is_right(graphemes):
    assert len(TWINS) == 6
    first, second = TWINS[:2]
    assert SEEN[first] == SEEN[second]
    got = graphemes_loss(graphemes[:1], labels_of(SEEN[first]))
    both = graphemes[0].softmax(0)[[first, second]].sum()
    torch.testing.assert_close(got, -both.log())


def test_graphemes_that_are_not_the_competitions_say_nothing(graphemes):
    unseen = (0, 10, 6)
    assert unseen not in SEEN
    got = graphemes_loss(graphemes[:2], labels_of(SEEN[9], unseen))
    torch.testing.assert_close(got, graphemes_loss(graphemes[:1], labels_of(SEEN[9])))
    logits = graphemes.clone().requires_grad_()
    nothing = graphemes_loss(logits, labels_of(*[unseen] * 4))
    nothing.backward()
    assert nothing == 0
    assert not logits.grad.any()


def test_both_losses_are_added_one_weighed(batch, graphemes):
    heads, _ = batch
    known = labels_of(*[SEEN[9]] * 4)
    heads = heads.map(lambda head: head[:4])
    assert training_loss(Logits(heads), known, 0.3) == heads_loss(heads, known)
    wanted = heads_loss(heads, known) + 0.3 * graphemes_loss(graphemes, known)
    torch.testing.assert_close(training_loss(Logits(heads, graphemes), known, 0.3), wanted)


COUNTS = HEADS.map(lambda head: np.arange(head.classes) ** 2.0)  # none of the first class


def made(**values: object) -> TrainingLoss:
    return make_loss(Learning(**values), COUNTS, torch.device("cpu"))


def mixed_with(labels: PerHead[Tensor], share: Tensor) -> MixedLabels:
    return MixedLabels(labels, labels.map(lambda column: column.roll(1)), share)


def soft(labels: MixedLabels) -> PerHead[Tensor]:
    """(B, C) probabilities of each head."""
    share = labels.share[:, None]
    pairs = zip(HEADS, labels.own, labels.partner, strict=True)
    return PerHead(
        *(
            share * functional.one_hot(own, head.classes)
            + (1 - share) * functional.one_hot(partner, head.classes)
            for head, own, partner in pairs
        )
    )


def test_by_default_it_is_the_plain_loss_to_the_bit(batch, graphemes):
    heads, labels = batch
    for logits in (Logits(heads), Logits(heads, graphemes.repeat(3, 1)[:9])):
        plain = made(grapheme_head=True)
        assert torch.equal(plain(logits, labels, 0.7), training_loss(logits, labels, 0.25))
        torch.testing.assert_close(
            plain.of_images(logits, labels).mean(), training_loss(logits, labels, 0.25)
        )


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_mixed_and_smoothed_labels_are_torchs_soft_labels(batch, smoothing):
    heads, labels = batch
    mixed = mixed_with(labels, torch.linspace(0, 1, 9))
    root, vowel, consonant = (
        functional.cross_entropy(x, y, label_smoothing=smoothing)
        for x, y in zip(heads, soft(mixed), strict=True)
    )
    got = made(smoothing=smoothing, head_weights="1:0.5:3")(Logits(heads), mixed, 0.0)
    torch.testing.assert_close(got, (root + 0.5 * vowel + 3 * consonant) / 4.5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_graphemes_are_mixed_and_smoothed_as_torch_does(batch, graphemes, smoothing):
    chosen = [k for k in (3, 500, 700, 1294) if k not in TWINS]
    labels = mixed_with(labels_of(*(SEEN[k] for k in chosen)), torch.tensor([0.0, 0.3, 0.8, 1]))
    own, partner = functional.one_hot(torch.tensor([chosen, [chosen[-1], *chosen[:-1]]]), 1295)
    share = labels.share[:, None]
    wanted = functional.cross_entropy(
        graphemes, share * own + (1 - share) * partner, label_smoothing=smoothing
    )
    heads = batch[0].map(lambda head: head[:4])
    loss = made(smoothing=smoothing, grapheme_head=True, grapheme_weight=0.7)
    got = loss(Logits(heads, graphemes), labels, 0.0) - loss(Logits(heads), labels, 0.0)
    torch.testing.assert_close(got, 0.7 * wanted)


def test_unknown_graphemes_say_nothing_in_mixed_images_too(graphemes):
    labels = labels_of(SEEN[9], (0, 10, 6), SEEN[9], (0, 10, 6))
    losses, known = grapheme_losses(graphemes, labels, smoothing=0.2)
    assert known.tolist() == [1, 0, 1, 0]
    assert (losses == 0).tolist() == [False, True, False, True]
    zero = HEADS.map(lambda head: torch.zeros(4, head.classes))
    loss = made(grapheme_head=True, grapheme_weight=1)
    mixed = MixedLabels(labels, labels, torch.full((4,), 0.5))
    got = loss(Logits(zero, graphemes), mixed, 0.0) - loss(Logits(zero), mixed, 0.0)
    torch.testing.assert_close(got, graphemes_loss(graphemes, labels))


def test_focal_is_cross_entropy_times_what_is_missing(batch):
    logits, labels = batch[0].root, batch[1].root
    right = logits.softmax(1).gather(1, labels[:, None])[:, 0]
    for gamma in (0.5, 2.0):
        torch.testing.assert_close(
            focal(logits, labels, gamma), -((1 - right) ** gamma) * right.log()
        )
    plain = functional.cross_entropy(logits, labels, reduction="none")
    torch.testing.assert_close(focal(logits, labels, 1e-9), plain)
    sure = (1000.0 * functional.one_hot(labels, 168)).requires_grad_()
    focal(sure, labels, 0.5).sum().backward()
    assert torch.isfinite(sure.grad).all()


def test_weights_are_of_effective_numbers():
    counts = np.array([0.0, 1.0, 10.0, 5000.0])
    weights = balanced_weights(counts)
    assert (weights * counts).sum() == pytest.approx(counts.sum())  # 1 in the mean over images
    assert weights[0] == weights[1]
    # A sum of a geometric series: each further image brings 0.999 of what the one before did.
    numbers = [sum(0.999**k for k in range(int(n))) for n in counts[1:]]
    np.testing.assert_allclose(weights[1:] * numbers, weights[1])


def test_balanced_is_torchs_with_weights(batch):
    logits, labels = batch
    weights = [torch.tensor(balanced_weights(column)).float() for column in COUNTS]
    wanted = [
        functional.cross_entropy(x, y, weight=w, reduction="sum") / 9
        for x, y, w in zip(logits, labels, weights, strict=True)
    ]
    got = made(loss="balanced")(Logits(logits), labels, 0.0)
    torch.testing.assert_close(got, (2 * wanted[0] + wanted[1] + wanted[2]) / 4)


def test_adjusted_logits_come_to_be_those_of_balanced_classes():
    """One feature, two classes 9 : 1, overlapping: minimised, the border is halfway between."""
    random = stream(0)
    counts = np.array([1800.0, 200.0])
    labels = torch.arange(2).repeat_interleave(torch.tensor([1800, 200]))
    x = torch.from_numpy(random.normal(2.0 * labels.numpy(), 1.0).astype(np.float32))
    borders = []
    for shifts in (np.zeros(2), log_shares(counts)):
        line = torch.zeros(2, requires_grad=True)  # slope, height
        optimiser = torch.optim.LBFGS([line], max_iter=100)

        def closure(line=line, shifts=shifts, optimiser=optimiser) -> Tensor:
            optimiser.zero_grad()
            logits = torch.stack([torch.zeros_like(x), line[0] * x + line[1]], dim=1)
            loss = adjusted(logits, labels, torch.tensor(shifts).float()).mean()
            loss.backward()
            return loss

        optimiser.step(closure)
        slope, height = line.tolist()
        borders.append(-height / slope)
    assert borders[1] == pytest.approx(1.0, abs=0.15)
    assert borders[0] > borders[1] + 0.8


@pytest.mark.parametrize("loss", ["balanced", "adjusted"])
def test_classes_of_equal_counts_change_nothing(loss, batch):
    equal = HEADS.map(lambda head: np.full(head.classes, 7.0))
    got = make_loss(Learning(loss=loss), equal, torch.device("cpu"))(Logits(batch[0]), batch[1], 0)
    torch.testing.assert_close(got, heads_loss(*batch))


def test_all_images_count_at_first_then_fewer():
    found = [counted_share(0.4, done / 8) for done in range(9)]
    assert found == pytest.approx([1, 1, 1, 0.7, 0.4, 0.4, 0.4, 0.4, 0.4])
    assert {counted_share(1.0, done / 8) for done in range(9)} == {1.0}


def test_the_hardest_images_count_alone(batch):
    logits = Logits(batch[0].map(lambda head: head.requires_grad_()))
    loss = made(hard_examples=0.33)
    costs = loss.of_images(logits, batch[1])
    worst = costs.argsort()[-3:]
    got = loss(logits, batch[1], 0.5)
    torch.testing.assert_close(got, costs[worst].mean())
    got.backward()
    moved = logits.heads.root.grad.abs().sum(1) > 0
    assert sorted(moved.nonzero()[:, 0].tolist()) == sorted(worst.tolist())
    torch.testing.assert_close(loss(logits, batch[1], 0.0), costs.mean())
    assert hardest(costs, 0.001).tolist() == [costs.max()]
    spoilt = torch.tensor([1.0, float("nan"), 3.0, 2.0])
    assert hardest(spoilt, 0.25).isnan().all()  # a broken image isn't passed over


def test_images_of_classes_are_counted_as_often_as_shown():
    real, drawn = (PerHead(*np.array(rows).T) for rows in ([[3, 0, 1]] * 6, [[5, 0, 2]] * 2))
    alone = class_counts([(1.0, real), (0.0, drawn)])
    assert (alone.root[3], alone.root.sum(), alone.vowel[0]) == (6, 6, 6)
    both = class_counts([(0.5, real), (0.5, drawn)])
    assert (both.root[3], both.root[5], both.consonant[2]) == (4, 4, 4)
    assert [len(column) for column in both] == [168, 11, 7]


@pytest.mark.parametrize("kind", ["none", *KINDS])
@pytest.mark.parametrize("loss", ["cross_entropy", "focal", "balanced", "adjusted"])
def test_all_kinds_combine(loss, kind, graphemes):
    """Also of classes and graphemes that training never shows, and in half precision."""
    labels: PerHead[Tensor] | MixedLabels = labels_of(SEEN[9], (0, 10, 6), SEEN[0], SEEN[700])
    if kind != "none":
        _, labels = KINDS[kind](torch.rand(4, 1, 16, 16), labels, stream(1), 0.3)
    for smoothing, share, type_ in itertools.product(
        (0.0, 0.2), (1.0, 0.5), (torch.float32, torch.bfloat16)
    ):
        values = {"loss": loss, "smoothing": smoothing, "hard_examples": share}
        random = torch.Generator().manual_seed(2)
        heads = HEADS.map(lambda head: 9 * torch.randn(4, head.classes, generator=random))  # noqa: B023
        parts = [*heads, graphemes]
        inputs = [part.detach().to(type_).requires_grad_() for part in parts]
        logits = Logits(PerHead(*inputs[:3]), inputs[3])
        got = made(grapheme_head=True, **values)(logits, labels, 0.6)
        got.backward()
        assert got.dtype == torch.float32
        assert got > 0
        assert all(torch.isfinite(one.grad).all() for one in inputs)
        assert torch.isfinite(got)
