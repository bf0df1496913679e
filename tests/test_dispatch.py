"""Each operation goes through the observer, and the observer's own do not."""

import torch

from profundo.dispatch import Observed


def test_the_observer_decides_the_result_and_its_own_arithmetic_is_not_observed():
    names = []

    def observe(operation, args, kwargs):
        names.append(operation.overloadpacket.__name__)
        return operation(*args, **kwargs) + 1

    x = torch.ones(2, requires_grad=True)
    with Observed(observe):
        y = (x * 3).sum(dim=0)
    assert (names, y.item()) == (["mul", "sum"], 9)
    y.backward()
    assert x.grad.tolist() == [3, 3]
