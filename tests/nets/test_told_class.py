"""Nets that are told a class: by hand, number by number."""

import torch
from torch import nn

from profundo.nets.told_class import Projection, ToldClass, beside


def test_the_class_stands_beside_each_row():
    rows, classes = torch.randn(3, 2), torch.tensor([2, 0, 1])
    expected = torch.cat([rows, torch.tensor([[0.0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0]])], 1)
    assert torch.equal(beside(rows, classes, 4), expected)
    net = nn.Linear(6, 5)
    assert torch.equal(ToldClass(net, 4)(rows, classes), net(expected))


def test_a_projection_adds_the_product_of_features_and_the_vector_of_the_class():
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
    told, images, classes = Projection(plain, 2), torch.randn(5, 4), torch.tensor([0, 1, 1, 0, 1])
    assert torch.equal(told(images, classes), plain(images))  # at first the image alone
    nn.init.normal_(told.classes.weight)
    features = plain[:2](images)
    for row, label in enumerate(classes.tolist()):
        expected = plain(images[row]) + torch.dot(told.classes.weight[label], features[row])
        torch.testing.assert_close(told(images, classes)[row], expected)
