"""The loss is torch's cross-entropies, weighted as the score is."""

import pytest
import torch
from torch.nn import functional

from graphemes.foundation.heads import HEADS, PerHead
from graphemes.learn.loss import grapheme_loss


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
    torch.testing.assert_close(grapheme_loss(logits, labels), wanted)


def test_a_uniform_guess_costs_the_logarithm_of_the_classes():
    logits = HEADS.map(lambda head: torch.zeros(2, head.classes))
    labels = PerHead(*[torch.tensor([0, 3])] * 3)
    wanted = torch.tensor([168.0, 168, 11, 7]).log().mean()
    torch.testing.assert_close(grapheme_loss(logits, labels), wanted)


def test_gradients_reach_each_head_by_its_weight(batch):
    logits, labels = batch
    logits = logits.map(lambda head: head.requires_grad_())
    grapheme_loss(logits, labels).backward()
    for head, values, truth in zip(HEADS, logits, labels, strict=True):
        with torch.no_grad():
            wanted = values.softmax(1) - functional.one_hot(truth, head.classes)
        torch.testing.assert_close(values.grad, wanted * head.weight / 4 / 9)


def test_half_precision_logits_are_summed_in_float32(batch):
    logits, labels = batch
    halved = logits.map(lambda head: head.to(torch.bfloat16))
    loss = grapheme_loss(halved, labels)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, grapheme_loss(halved.map(torch.Tensor.float), labels))
