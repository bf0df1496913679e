"""Compiled functions: the course's numbers, state and its updates, what may be given, and training with it."""

import copy
import pickle
import re

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from profundo.graph import (
    function,
    gradient,
    graph_of,
    hessian,
    jacobian,
    matrix,
    operations,
    run,
    scalar,
    shared,
    tensor,
    vector,
)
from profundo.records import ProfundoError


def test_the_numbers_of_the_theano_tutorial():
    a, b, c = scalar("a"), scalar("b"), scalar("c")
    e = a * b + c
    assert function([a, b, c], e)(2, 4, 10).item() == 18
    assert function([a, b, c], gradient(e, a))(2, 4, 10).item() == 4
    b, c = shared(2, "b"), shared(1, "c")
    a = scalar("a", dtype=torch.int64)
    assert function([a], a * b + c)(3).item() == 7


def test_the_numbers_of_the_course_on_graphs():
    a, b = scalar("a"), scalar("b")
    u, v = (a + b).named("u"), (3 * b).named("v")
    f = u * v
    f_at = function([a, b], [u, v, f, *gradient(f, [u, v, a, b])])
    assert [value.item() for value in f_at(5, 3)] == [8, 9, 72, 9, 8, 9, 33]
    assert str(gradient(f, u)) == "v"


def test_updates_take_all_their_values_from_before():
    x, y = shared(1.0, "x"), shared(10.0, "y")
    swap = function([], x, updates={x: y, y: x})
    assert swap().item() == 1
    assert (x.value.item(), y.value.item()) == (10, 1)
    swap()
    x.set_value(5.0)
    assert (x.value.item(), y.value.item()) == (5, 10), "the values lie in one memory"


def test_updates_may_be_pairs():
    s, t = shared(1.0, "s"), shared(2.0, "t")
    count = function([], s, updates=[(s, s + 1), (t, s * t)])
    assert [count().item(), count().item(), s.value.item(), t.value.item()] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("updates", "says"),
    [
        (lambda s: [(s, s + 1), (s, s + 2)], "has two new values"),
        (lambda s: [s, s + 1], "expected {shared: new value, …} or"),
        (lambda s: [(s, s + 1, s)], "expected {shared: new value, …} or"),
        (lambda s: s + 1, "expected {shared: new value, …} or"),
        (lambda s: [(s + 1, s)], "expected shared values as keys"),
    ],
)
def test_updates_of_another_form_are_refused_in_one_line(updates, says):
    s = shared(1.0, "s")
    with pytest.raises(ProfundoError, match=re.escape(says)) as caught:
        function([], s, updates=updates(s))
    assert "\n" not in str(caught.value)


def test_expressions_and_functions_are_not_pickled_and_say_so_in_one_line():
    x = scalar("x")
    for value, says in [(x**2, "x^2"), (shared(1.0, "s"), "s (shared"), (function([x], x**2), "a compiled function")]:
        for protocol in (0, 2, pickle.HIGHEST_PROTOCOL):
            with pytest.raises(ProfundoError, match=re.escape(says)) as caught:
                pickle.dumps(value, protocol)
            assert "not pickled" in str(caught.value)
            assert "\n" not in str(caught.value)


def test_a_copy_of_an_expression_is_the_same_one():
    x = scalar("x")
    assert copy.deepcopy([x, x**2])[0] is x
    assert copy.copy(x) is x


def test_a_shared_value_does_not_change_with_the_tensor_it_was_given():
    given = torch.zeros(3)
    w, x = shared(given, "w"), vector("x", 3)
    keep = function([x], None, updates={w: x})
    given += 1
    assert w.value.tolist() == [0, 0, 0]
    arrived = torch.ones(3)
    assert keep(arrived) == ()
    arrived += 1
    assert w.value.tolist() == [1, 1, 1]


def test_outputs_come_back_in_the_form_they_were_asked_in():
    a = scalar("a")
    assert function([a], {"twice": 2 * a, "square": a * a})(3) == {"twice": 6, "square": 9}
    assert function([a], [a, a])(3) == [3, 3]
    assert function([a], ())(3) == ()


def test_second_derivatives_are_derivatives_of_derivatives():
    x = vector("x", 3, dtype=torch.float64)
    f = (x[0] ** 2 * x[1] + operations.sin(x[2]) * x[0]).named("cost")
    at = torch.tensor([1.5, -2.0, 0.7], dtype=torch.float64)
    expected = torch.autograd.functional.hessian(lambda x: x[0] ** 2 * x[1] + torch.sin(x[2]) * x[0], at)
    torch.testing.assert_close(function([x], hessian(f, x))(at), expected)
    rows = jacobian(operations.tanh(x) * x[0], x)
    expected = torch.autograd.functional.jacobian(lambda x: torch.tanh(x) * x[0], at)
    torch.testing.assert_close(function([x], rows)(at), expected)
    s = scalar("s", dtype=torch.float64)
    assert function([s], hessian(s**3, s))(2.0).item() == 12
    third = gradient(hessian(s**4, s), s)
    assert function([s], third)(2.0).item() == 48


def test_autograd_goes_through_a_compiled_function():
    x = vector("x", 3)
    f = function([x], (x**2).sum())
    at = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    f(at).backward()
    assert at.grad.tolist() == [2, 4, 6]


def test_a_graph_runs_like_the_function_made_of_it():
    X, w = matrix("X", ("n", 4)), shared(torch.randn(4), "w")
    cost = operations.log(operations.sigmoid(X @ w)).mean()
    slope = gradient(cost, w)
    at = torch.randn(5, 4)
    graph = graph_of([cost, slope], [X])
    assert [node.name for node in graph.inputs] == ["X"]
    for one, other in zip(run(graph, at), function([X], [cost, slope], simplify=False)(at), strict=True):
        assert torch.equal(one, other)
    for one, other in zip(run(graph, at), function([X], [cost, slope])(at), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: function([scalar("a")], scalar("b")), "b (input, number"),
        (lambda: function([shared(1.0, "w")], scalar("b")), "expected inputs"),
        (lambda: function([3], scalar("b")), "expected inputs"),
        (lambda: function((lambda a: [a, a])(scalar("a")), scalar("b")), "listed twice"),
        (lambda: function([], [1.0]), "expected expressions to compute, got float"),
        (lambda: function([], None, {scalar("a"): 1}), "expected shared values as keys"),
        (lambda: function([], None, {shared([1.0, 2.0], "w"): [1.0, 2.0, 3.0]}), "cannot become"),
        (lambda: function([], None, {shared(1, "w"): 1.5}), "cannot become"),
        (lambda: function([scalar("a")], scalar("a")), None),
    ],
)
def test_what_cannot_be_compiled_is_told(call, words):
    if words is None:
        with pytest.raises(ProfundoError, match="among the inputs"):
            call()
        return
    with pytest.raises(ProfundoError) as error:
        call()
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (([[1.0, 2.0]],), r"takes 2 values \(X, y\), got 1"),
        (([1.0, 2.0], [1.0]), r"X: expected a matrix n×2, got shape \(2,\)"),
        (([[1.0, 2.0, 3.0]], [1.0]), r"X: expected a matrix n×2, got shape \(1, 3\)"),
        (([[1.0, 2.0]], [1.0, 2.0]), "n is 1 in X and 2 in y"),
        (([[1.0, "a"]], [1.0]), "X: expected a number, list, array or tensor, got list"),
        (([[1.0, 2.0], [3.0]], [1.0]), "X: expected a number, list, array or tensor, got list"),
        ((None, [1.0]), "X: expected a number, list, array or tensor, got NoneType"),
        ((torch.zeros(1, 2, dtype=torch.complex64), [1.0]), "complex"),
    ],
)
def test_values_that_do_not_fit_their_input_are_told(values, words):
    X, y = matrix("X", ("n", 2)), vector("y", "n")
    f = function([X, y], X.T @ y)
    with pytest.raises(ProfundoError, match=words):
        f(*values)


def test_fractions_are_not_cut_to_whole_numbers_in_silence():
    i = vector("i", dtype=torch.int64)
    with pytest.raises(ProfundoError, match="expected whole numbers"):
        function([i], i * 2)([1.5, 2.0])
    assert function([i], i * 2)(np.array([1, 2], dtype=np.int32)).tolist() == [2, 4]
    frozen = np.arange(3)
    frozen.flags.writeable = False
    assert function([i], i * 2)(frozen).tolist() == [0, 2, 4]


def test_empty_batches_and_nan_pass_through():
    x = vector("x")
    f = function([x], [x.sum(), gradient((x * x).sum(), x)])
    total, slope = f([])
    assert (total.item(), slope.shape) == (0, (0,))
    assert torch.isnan(f([1.0, float("nan")])[0])


def test_broadcast_over_sizes_known_only_when_values_arrive():
    x, y = vector("x"), matrix("y")
    slope = function([x, y], gradient((x * y).sum(), [x, y]))
    for one, two in [((3,), (2, 3)), ((1,), (2, 3)), ((3,), (2, 1)), ((3,), (1, 1))]:
        a, b = torch.randn(one, requires_grad=True), torch.randn(two, requires_grad=True)
        expected = torch.autograd.grad((a * b).sum(), [a, b])
        for got, wanted in zip(slope(a.detach(), b.detach()), expected, strict=True):
            assert got.shape == wanted.shape
            torch.testing.assert_close(got, wanted)


def standardized(data):
    split = train_test_split(data.data, data.target, test_size=0.3, random_state=0, stratify=data.target)
    scaler = StandardScaler().fit(split[0])
    return scaler.transform(split[0]), scaler.transform(split[1]), split[2], split[3]


def test_logistic_regression_written_in_expressions_reaches_that_of_scikit_learn():
    train, test, train_targets, test_targets = standardized(load_breast_cancer())
    X, y = matrix("X", ("n", 30), dtype=torch.float64), vector("y", "n", dtype=torch.float64)
    w, b = shared(np.zeros(30), "w"), shared(np.float64(0), "b")
    p = operations.sigmoid(X @ w + b)
    count = len(train)
    cost = -(y * operations.log(p) + (1 - y) * operations.log(1 - p)).mean() + 0.5 / count * (w**2).sum()
    slopes = gradient(cost, [w, b])
    step = function([X, y], cost, updates={one: one - 0.8 * slope for one, slope in zip([w, b], slopes, strict=True)})
    for _ in range(3000):
        value = step(train, train_targets.astype(float))
    reference = LogisticRegression(max_iter=5000, tol=1e-10).fit(train, train_targets)
    assert np.allclose(w.value.numpy(), reference.coef_[0], atol=2e-3)  # the same minimum, not only the same accuracy
    said = function([X], p > 0.5)(test).numpy()
    assert (said == test_targets).mean() >= reference.score(test, test_targets)
    assert torch.isfinite(value)


def test_a_net_with_one_hidden_layer_reaches_that_of_scikit_learn_on_digits():
    train, test, train_targets, test_targets = standardized(load_digits())
    generator = torch.Generator().manual_seed(0)
    X, y = matrix("X", ("n", 64)), vector("y", "n", dtype=torch.int64)
    W1, b1 = shared(torch.randn(64, 64, generator=generator) / 8, "W1"), shared(torch.zeros(64), "b1")
    W2, b2 = shared(torch.randn(64, 10, generator=generator) / 8, "W2"), shared(torch.zeros(10), "b2")
    scores = operations.relu(X @ W1 + b1) @ W2 + b2
    cost = operations.cross_entropy(scores, y)
    weights = [W1, b1, W2, b2]
    speeds = [shared(torch.zeros_like(one.value), f"speed of {one.name}") for one in weights]
    updates = {}
    for one, speed, slope in zip(weights, speeds, gradient(cost, weights), strict=True):
        updates[speed] = 0.9 * speed - 0.1 * slope
        updates[one] = one + 0.9 * speed - 0.1 * slope
    step = function([X, y], cost, updates=updates)
    for _ in range(15):
        order = torch.randperm(len(train), generator=generator).numpy()
        for rows in np.array_split(order, len(train) // 64):
            step(train[rows], train_targets[rows])
    said = function([X], operations.argmax(scores, 1))(test).numpy()
    reference = MLPClassifier((64,), random_state=0, max_iter=300).fit(train, train_targets)
    assert (said == test_targets).mean() >= reference.score(test, test_targets) - 0.01
    assert (said == test_targets).mean() >= 0.96


def test_a_convolutional_net_of_expressions_has_the_gradients_of_its_twin_in_pytorch():
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(64, 5),
    ).double()
    images, labels = torch.randn(6, 1, 8, 8, dtype=torch.float64), torch.randint(5, (6,))
    parameters = [shared(parameter.detach()) for parameter in net.parameters()]
    kernel, bias, weight, offset = parameters
    x, y = tensor("x", ("n", 1, 8, 8), dtype=torch.float64), vector("y", "n", dtype=torch.int64)
    maps = operations.max_pool2d(operations.relu(operations.conv2d(x, kernel, bias, padding=1)), 2)
    cost = operations.cross_entropy(operations.flatten(maps) @ weight.T + offset, y)
    value, *slopes = function([x, y], [cost, *gradient(cost, parameters)])(images, labels)
    expected = torch.nn.functional.cross_entropy(net(images), labels)
    torch.testing.assert_close(value, expected.detach())
    for slope, parameter in zip(slopes, torch.autograd.grad(expected, list(net.parameters())), strict=True):
        torch.testing.assert_close(slope, parameter)


def test_what_does_not_fit_when_it_runs_is_told_with_operation_operands_and_line():
    x, y = vector("x", "n"), vector("y", 5)
    total = (x + y).sum()
    with pytest.raises(ProfundoError, match=r"add: x \(3,\) and y \(5,\) do not fit: .* \(test_functions\.py:\d+\)$"):
        function([x, y], total)(np.ones(3), np.ones(5))
    rows = vector("rows", dtype=torch.int64)
    with pytest.raises(ProfundoError, match=r"index: y \(5,\) and rows \(1,\) do not fit: .*out of (range|bounds)"):
        function([y, rows], y[rows])(np.ones(5), [7])
    loose = matrix("loose")
    with pytest.raises(ProfundoError, match="turned out to have size 2, not 1"):
        function([loose], operations.squeeze(loose, 0))(np.ones((2, 3)))


def test_what_a_function_returned_is_not_the_memory_of_its_state():
    w = shared([1.0, 2.0], "w")
    doubled = w * 2
    returned = function([], doubled, updates={w: doubled})()
    returned += 100
    assert w.value.tolist() == [2.0, 4.0]


def test_who_changes_what_a_function_returned_changes_no_state():
    w = shared(torch.arange(4.0), "w")
    same, view = function([], [w, operations.reshape(w, 2, 2)])()
    same += 1
    view += 1
    assert w.value.tolist() == [0, 1, 2, 3]
    assert isinstance(function([], (w, w * 2))(), tuple)


def test_hessians_are_of_numbers_and_vectors():
    X = matrix("X", (2, 2))
    with pytest.raises(ProfundoError, match="hessian: expected a number or a vector"):
        hessian((X * X).sum(), X)
    with pytest.raises(ProfundoError, match="expected a dimension, several or None"):
        X.sum(1.5)
