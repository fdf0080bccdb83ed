"""Rows as numbers, and a distribution over them that any order of the spans factorizes."""

from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genloop.table.networks.layout import LARGEST, Layout
from genloop.table.networks.likelihood import AnyOrder

SIZES = (2, 3, 2)


def every_row() -> Tensor:
    return torch.tensor(list(product(*map(range, SIZES))))


class Table(nn.Module):
    """Knows a joint distribution over all rows by heart and tells each span given the known ones, exactly."""

    def __init__(self) -> None:
        super().__init__()
        self.layout = Layout(SIZES)
        self.joint = torch.rand(len(every_row()), generator=torch.Generator().manual_seed(0)).square()
        self.joint /= self.joint.sum()

    def predict(self, z: Tensor, x: Tensor, known: Tensor) -> Tensor:
        rows = self.layout.numbers(every_row())
        told = self.layout.spread(known)
        agree = ((rows[None] - x[:, None]) * told[:, None] == 0).all(2)
        weights = agree * self.joint
        return torch.log((weights @ rows) / weights.sum(1, keepdim=True))

    def begin(self, z: Tensor, x: Tensor, known: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return z, x, known

    def tell(self, state: tuple[Tensor, Tensor, Tensor], span: int) -> Tensor:
        return self.predict(*state).split(SIZES, 1)[span]

    def learn(self, state: tuple[Tensor, Tensor, Tensor], span: int, x: Tensor, known: Tensor) -> Any:
        z, told, spans = state
        added = torch.zeros_like(told)
        added.split(SIZES, 1)[span].copy_(x * known)
        seen = spans.clone()
        seen[:, span : span + 1] += known
        return z, told + added, seen


@pytest.fixture
def table() -> Table:
    torch.manual_seed(0)
    return Table()


def distribution(table: Table, count: int, given: Tensor | None = None, known: Tensor | None = None) -> AnyOrder:
    nothing = torch.zeros(count, table.layout.width), torch.zeros(count, table.layout.spans)
    return AnyOrder(
        table, torch.zeros(count, 1), nothing[0] if given is None else given, nothing[1] if known is None else known
    )


def test_numbers_and_codes_are_two_ways_to_write_a_row() -> None:
    layout = Layout(SIZES)
    numbers = layout.numbers(every_row())
    assert torch.equal(layout.codes(numbers), every_row())
    assert torch.equal(layout.sums(numbers), torch.ones(len(numbers), 3))
    assert layout.spread(torch.tensor([[1.0, 2, 3]])).tolist() == [[1, 1, 2, 2, 2, 3, 3]]


def test_log_probabilities_are_those_of_a_softmax_over_each_span() -> None:
    logits = torch.randn(5, sum(SIZES)) * 5
    expected = torch.cat([part.log_softmax(1) for part in logits.split(SIZES, 1)], 1)
    layout = Layout(SIZES)
    torch.testing.assert_close(layout.log_probabilities(logits), expected)
    x = layout.numbers(torch.tensor([[1, 2, 0]] * 5))
    told = torch.stack([part[:, code] for part, code in zip(expected.split(SIZES, 1), (1, 2, 0), strict=True)], 1)
    torch.testing.assert_close(layout.log_prob(logits, x), told)
    assert layout.log_probabilities(torch.full((1, 7), 10 * LARGEST)).exp().sum() == pytest.approx(3)


def test_in_turn_the_probability_of_a_row_is_that_of_the_joint_distribution(table: Table) -> None:
    x = table.layout.numbers(every_row())
    torch.testing.assert_close(distribution(table.eval(), len(x)).log_prob(x), table.joint.log())


def test_in_training_it_is_estimated_without_bias(table: Table) -> None:
    rows = table.layout.numbers(every_row())
    x = rows.repeat(4_000, 1)
    estimates = distribution(table.train(), len(x)).log_prob(x).unflatten(0, (4_000, -1))
    error = estimates.std(0) / 4_000**0.5
    assert ((estimates.mean(0) - table.joint.log()).abs() < 4 * error + 1e-6).all()


def test_rows_are_drawn_as_often_as_they_are_probable(table: Table) -> None:
    codes = table.layout.codes(distribution(table, 20_000).sample())
    found = (codes[:, None] == every_row()).all(2).float().mean(0)
    assert (found - table.joint).abs().max() < 0.01


def test_what_is_given_is_kept_and_the_rest_follows_from_it(table: Table) -> None:
    asked = torch.tensor([[0, 2, 0]]).repeat(20_000, 1)
    known = torch.tensor([[0.0, 1, 0]]).repeat(20_000, 1)
    given = table.layout.numbers(asked) * table.layout.spread(known)
    codes = table.layout.codes(distribution(table, 20_000, given, known).sample())
    assert (codes[:, 1] == 2).all()
    matching = (every_row()[:, 1] == 2) * table.joint
    found = (codes[:, None] == every_row()).all(2).float().mean(0)
    assert (found - matching / matching.sum()).abs().max() < 0.015
