"""The net for tables: an embedding is a linear layer on one-hot rows."""

import pytest
import torch

from profundo.nets.tabular import CategoryNet
from profundo.records import ProfundoError


def rows():
    return torch.tensor([[0.0, 2.0, 0.5], [3.0, 0.0, -1.0], [1.0, 1.0, 2.0]])


def test_embeddings_are_a_linear_layer_on_one_hot_rows():
    net = CategoryNet([4, 3], 2, 1)
    seen = net.embedded(rows())
    for row, (first, second, number) in zip(seen, rows().tolist(), strict=True):
        onehots = torch.eye(4)[int(first)], torch.eye(3)[int(second)]
        expected = [onehot @ table for onehot, table in zip(onehots, net.tables, strict=True)]
        torch.testing.assert_close(row, torch.cat([*expected, torch.tensor([number])]))


def test_a_column_has_at_most_one_dimension_less_than_categories():
    net = CategoryNet([12, 3, 2], 5, 0, widths=(8,))
    assert [tuple(table.shape) for table in net.tables] == [(12, 5), (3, 2), (2, 1)]
    assert net.dense[0].in_features == 8


def test_every_weight_takes_part_and_gets_a_gradient():
    net = CategoryNet([4, 3], 2, 1, outputs=2)
    outputs = net(rows())
    assert outputs.shape == (3, 2)
    outputs.square().sum().backward()
    used = net.embeddings[0].weight.grad.abs().sum(1) > 0
    assert used.tolist() == [True, True, False, True]
    assert all(parameter.grad is not None for parameter in net.parameters())


def test_the_tables_are_copies():
    net = CategoryNet([4, 3], 2, 1)
    net.tables[0].zero_()
    assert net.tables[0].abs().min() > 0


@pytest.mark.parametrize("wrong", [([1, 3], 2, 0), ([3], 0, 0), ([3], 1, -1)])
def test_what_is_no_table_is_refused(wrong):
    with pytest.raises(ProfundoError, match="two categories a column"):
        CategoryNet(*wrong)
