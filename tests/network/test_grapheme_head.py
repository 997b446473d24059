"""From graphemes' probabilities to classes': sums and means over the graphemes that have them."""

import numpy as np
import pytest
import torch

from graphemes.foundation.classes import competition_graphemes
from graphemes.foundation.heads import HEADS
from graphemes.network.grapheme_head import GraphemeHead, memberships, of_classes

LABELS = np.array([tuple(one.labels) for one in competition_graphemes()])


@pytest.fixture
def graphemes() -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    return (3 * torch.randn(4, 1295, generator=random)).softmax(dim=1)


def test_each_grapheme_has_one_class_of_each_head():
    for head, members, column in zip(
        HEADS, memberships(torch.device("cpu")), LABELS.T, strict=True
    ):
        assert members.shape == (1295, head.classes)
        assert torch.equal(members.sum(1), torch.ones(1295))
        assert torch.equal(members.argmax(1), torch.from_numpy(column))
        assert (members.sum(0) > 0).all()


def test_sums_are_what_the_graphemes_have_together(graphemes):
    for place, got in enumerate(of_classes(graphemes, "sum")):
        for label in range(got.shape[1]):
            wanted = graphemes[:, torch.from_numpy(LABELS[:, place] == label)].sum(1)
            torch.testing.assert_close(got[:, label], wanted)


def test_means_leave_out_how_many_graphemes_there_are(graphemes):
    for place, got in enumerate(of_classes(graphemes, "mean")):
        means = torch.stack(
            [
                graphemes[:, torch.from_numpy(LABELS[:, place] == label)].mean(1)
                for label in range(got.shape[1])
            ],
            dim=1,
        )
        torch.testing.assert_close(got, means / means.sum(1, keepdim=True))


@pytest.mark.parametrize("pool", ["sum", "mean"])
def test_rows_sum_to_one_and_a_sure_grapheme_makes_sure_classes(graphemes, pool):
    for got in of_classes(graphemes, pool):
        torch.testing.assert_close(got.sum(1), torch.ones(4))
    sure = torch.eye(1295)[[700]]
    assert [int(got.argmax()) for got in of_classes(sure, pool)] == LABELS[700].tolist()
    assert all(float(got.max()) == pytest.approx(1) for got in of_classes(sure, pool))


def test_the_layer_has_a_logit_for_each_of_the_competitions_graphemes():
    assert GraphemeHead(16)(torch.zeros(3, 16)).shape == (3, 1295)
