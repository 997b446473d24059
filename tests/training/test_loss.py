"""The loss is torch's cross-entropies, weighted as the score is."""

import pytest
import torch
from torch.nn import functional

from graphemes.foundation.classes import competition_graphemes
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.network.model import Logits
from graphemes.training.loss import graphemes_loss, heads_loss, training_loss


@pytest.fixture
def batch():
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
