"""The chain rule in full, against PyTorch's autograd in float64, finite differences and paths walked by hand."""

import itertools
import math
import random

import pytest
import torch

from profundo.graph.derivatives.derivations import derivation
from profundo.graph.expressions.parsing import parse
from profundo.graph.expressions.viewing import view
from profundo.graph.nodes import Flow, Graph, Node, Ref, Summary
from profundo.records import ProfundoError

COURSE = "(a+b)*3*b"


def graph(text, **values):
    return view(parse(text, values), values)


def by_hand(edges, of=""):
    """A graph of single numbers from {node: [(input, local derivative, rule), …]}; no list: given."""
    nodes = {
        name: Node(name, "input" if not uses else "made", args=tuple(Ref(use[0]) for use in uses))
        for name, uses in edges.items()
    }
    flows = {
        (name, place): Flow(local=local, rule=rule)
        for name, uses in edges.items()
        for place, (_, local, rule) in enumerate(uses)
    }
    return Graph(nodes, (Ref(list(edges)[-1]),), of, flows)


class TestTheCourse:
    def test_df_db_is_written_as_on_the_blackboard(self):
        derived = derivation(graph(COURSE, a=5.0, b=3.0), "f", "b")
        assert derived.steps[-1].equation() == "∂f/∂b = ∂f/∂u·∂u/∂b + ∂f/∂v·∂v/∂b = 9·1 + 8·3 = 33"
        assert derived.value == 33
        assert derived.steps[-1].local() == ["∂u/∂b = 1", "∂v/∂b = 3"]
        assert {step.equation() for step in derived.steps[:-1]} == {"∂f/∂u = v = 9", "∂f/∂v = u = 8"}
        assert "f depends on b along 2 paths" in str(derived)

    def test_df_da_has_one_path(self):
        derived = derivation(graph(COURSE, a=5.0, b=3.0), "f", "a")
        assert [step.equation() for step in derived.steps] == ["∂f/∂u = v = 9", "∂f/∂a = ∂f/∂u·∂u/∂a = 9·1 = 9"]
        assert derived.paths[0].nodes == ("a", "u", "f")

    def test_paths_carry_the_products_of_their_local_derivatives(self):
        derived = derivation(graph(COURSE, a=5.0, b=3.0), "f", "b")
        assert {path.nodes: (path.factors, path.value) for path in derived.paths} == {
            ("b", "u", "f"): ((9.0, 1.0), 9.0),
            ("b", "v", "f"): ((8.0, 3.0), 24.0),
        }

    def test_latex_says_the_same(self):
        latex = derivation(graph(COURSE, a=5.0, b=3.0), "f", "b")._repr_latex_()
        assert r"\frac{\partial f}{\partial u} \cdot \frac{\partial u}{\partial b}" in latex
        assert r"= 9 \cdot 1 + 8 \cdot 3 = 33" in latex
        assert r"\frac{\partial v}{\partial b} &= 3 \\" in latex
        assert latex.count(r"\begin{") == latex.count(r"\end{") == 1
        assert latex.count("{") == latex.count("}")


class TestAgainstAutograd:
    FUNCTIONS = ("sin", "exp", "tanh", "sigmoid", "softplus", "sqrt", "log", "cos")

    def formula(self, rng):
        """Python text with shared values; arguments of sqrt and log are positive, denominators far from 0."""
        lines, known = [], ["a", "b", "c"]
        for name in "uvwpq":
            left, right = rng.choice(known), rng.choice(known)
            function = rng.choice(self.FUNCTIONS)
            made = rng.choice(
                [
                    f"{left} {rng.choice('+-*')} {right}",
                    f"{left} / ({right}*{right} + 1)",
                    f"{function}({left}*{left} + 0.5)",
                    f"{rng.randint(2, 5)}*{left} - {right}*{left}",
                    f"({left}*0.3)**{rng.randint(2, 3)}",
                    f"max({left}, {right}) + min({left}, 0.1)",
                ]
            )
            lines.append(f"{name} = {made}")
            known.append(name)
        return lines

    def by_torch(self, lines, values, of):
        """The last line's value and its gradients, of the same text run on tensors."""
        names = {name: getattr(torch, name, None) or getattr(torch.nn.functional, name) for name in self.FUNCTIONS}
        number = torch.tensor
        names |= {
            "max": lambda x, y: torch.maximum(x, number(y, dtype=x.dtype) if isinstance(y, float) else y),
            "min": lambda x, y: torch.minimum(x, number(y, dtype=x.dtype) if isinstance(y, float) else y),
        }
        given = {name: torch.tensor(value, dtype=torch.float64, requires_grad=True) for name, value in values.items()}
        known = names | given
        exec("\n".join(lines), {}, known)  # the test's own text
        result = known[of]
        return result, torch.autograd.grad(result, list(given.values()), allow_unused=True)

    @pytest.mark.parametrize("seed", range(25))
    def test_random_formulas_have_the_derivatives_of_autograd(self, seed):
        rng = random.Random(seed)
        lines = self.formula(rng)
        values = {"a": rng.uniform(-1, 1), "b": rng.uniform(-1, 1), "c": rng.uniform(-1, 1)}
        of = "q"
        expression = parse("; ".join(lines), values)
        used = [name for name in values if name in parse_names(expression)]
        shown = view(expression, {name: values[name] for name in used})
        result, gradients = self.by_torch(lines, values, of)
        assert shown[of].value.item == pytest.approx(result.item(), rel=1e-12)
        for name, gradient in zip(values, gradients, strict=True):
            if name not in used:
                continue
            derived = derivation(shown, of, name, limit=100_000)
            assert derived.value == pytest.approx(0.0 if gradient is None else gradient.item(), rel=1e-9, abs=1e-12)
            assert len(derived.paths) == derived.count
            assert sum(path.value for path in derived.paths) == pytest.approx(derived.value, rel=1e-9, abs=1e-9)

    @pytest.mark.parametrize("seed", range(8))
    def test_a_node_inside_is_differentiated_as_well_as_the_result(self, seed):
        """`of` is not what the gradients in the graph are of: numbers come from the edges alone."""
        rng = random.Random(100 + seed)
        lines = [*self.formula(rng)]
        values = {"a": 0.7, "b": -0.4, "c": 0.2}
        lines.append("q2 = q*q + u*v + w*p + a*b*c")
        shown = view(parse("; ".join(lines), values), values)
        for of in ("u", "v", "w", "p"):
            _, gradients = self.by_torch(lines, values, of)
            for name, gradient in zip(values, gradients, strict=True):
                expected = 0.0 if gradient is None else gradient.item()
                assert derivation(shown, of, name).value == pytest.approx(expected, rel=1e-9, abs=1e-12)

    def test_central_differences_agree(self):
        text, at, step = "sigmoid(a*b + sin(a)) * exp(-b^2) / (1 + a^2)", {"a": 0.8, "b": -0.3}, 1e-5
        shown = graph(text, **at)
        for name in at:
            above, below = (graph(text, **(at | {name: at[name] + s})).nodes["f"].value.item for s in (step, -step))
            assert derivation(shown, "f", name).value == pytest.approx((above - below) / (2 * step), rel=1e-8)


def parse_names(expression):
    from profundo.graph.expressions.expression import ancestors

    return {one.name for one in ancestors([expression]) if one.kind == "input"}


class TestPaths:
    def ladder(self, rungs):
        """x0 → x1 → … where each uses the one before twice: 2^rungs paths."""
        edges = {"x0": []}
        for rung in range(rungs):
            edges[f"x{rung + 1}"] = [(f"x{rung}", 0.5, "p"), (f"x{rung}", 0.5, "q")]
        return by_hand(edges)

    def test_two_to_the_hundred_paths_are_counted_and_a_few_are_listed(self):
        derived = derivation(self.ladder(100), "x100", "x0", limit=5)
        assert derived.count == 2**100
        assert len(derived.paths) == 5
        assert derived.value == 1.0
        assert f"{2**100:,} paths, such as" in derived.text
        assert len(derived.text) < 20_000

    def test_a_deep_chain_needs_no_deep_stack(self):
        edges = {"x0": []} | {f"x{n + 1}": [(f"x{n}", 1.0, "1")] for n in range(5000)}
        derived = derivation(by_hand(edges), "x5000", "x0")
        assert (derived.value, derived.count, len(derived.steps)) == (1.0, 1, 5000)
        assert "4,960 more steps" in derived.text
        assert len(derived.text.splitlines()) == 42
        assert derived.latex.count("\n") < 100

    def test_the_count_is_that_of_all_walks(self):
        rng = random.Random(3)
        names = [f"n{k}" for k in range(9)]
        edges = {
            name: [(names[j], rng.uniform(-1, 1), "r") for j in range(k) for _ in range(rng.choice([0, 1, 1, 2]))]
            for k, name in enumerate(names)
        }
        edges["n1"] = [("n0", 0.5, "r")]
        made = by_hand(edges)

        def walks(at):  # depth first, by recursion: another way to the same number
            if at == "n0":
                return [1.0]
            return [local * rest for name, local, _ in edges[at] for rest in walks(name)]

        derived = derivation(made, "n8", "n0", limit=10**6)
        assert derived.count == len(walks("n8")) == len(derived.paths)
        assert derived.value == pytest.approx(math.fsum(walks("n8")))
        assert sorted(path.value for path in derived.paths) == pytest.approx(sorted(walks("n8")))

    def test_the_limit_lists_fewer(self):
        assert derivation(self.ladder(3), "x3", "x0", limit=0).paths == ()
        assert len(derivation(self.ladder(3), "x3", "x0", limit=3).paths) == 3
        with pytest.raises(ProfundoError, match="0 or more"):
            derivation(self.ladder(3), "x3", "x0", limit=-1)


class TestWriting:
    def test_a_node_used_twice_by_one_user_has_two_terms(self):
        derived = derivation(graph("b*b", b=-3.0), "f", "b")
        assert derived.steps[-1].equation() == "∂f/∂b = b + b = −3 + (−3) = −6"
        assert derived.count == 2

    def test_where_a_symbol_could_mean_two_things_the_formula_stands(self):
        """∂u/∂b could be the whole derivative of u = b·w by b, with w = b+1; the term is b's own use in u."""
        derived = derivation(graph("w=b+1; u=b*w; u*2", b=2.0), "f", "b")
        text = derived.steps[-1].equation()
        assert "∂u/∂b" not in text
        assert "∂f/∂u·w" in text
        assert derived.value == 2 * (2 * 2 + 1)

    def test_a_sum_as_a_factor_stands_in_parentheses(self):
        made = by_hand(
            {"b": [], "w": [("b", 1.0, "1")], "u": [("b", 3.0, "w + 1"), ("w", 1.0, "-b / 2")], "f": [("u", 2.0, "2")]}
        )
        text = derivation(made, "f", "b").steps[-1].equation()
        assert "∂f/∂u·(w + 1)" in text

    def test_of_very_many_terms_some_are_written_and_all_are_added(self):
        derived = derivation(graph("+".join(["a"] * 200), a=1.0), "f", "a")
        assert derived.value == 200
        assert len(derived.steps[-1].terms) == 200
        assert " + … + " in derived.steps[-1].equation()
        assert "…" not in derived.latex
        assert max(map(len, derived.text.splitlines())) < 1000

    def test_negative_factors_stand_in_parentheses(self):
        derived = derivation(graph("(a-b)*c", a=1.0, b=2.0, c=-4.0), "f", "b")
        assert derived.steps[-1].equation() == "∂f/∂b = ∂f/∂u·∂u/∂b = (−4)·(−1) = 4"

    @pytest.mark.parametrize(
        ("local", "said"),
        [(9.0, "9"), (0.5, "0.5"), (1.234e-5, "1.234e−5"), (-2.0, "−2"), (2 / 3, "0.666667"), (-0.0, "0"),
         (math.inf, "∞"), (-math.inf, "−∞"), (math.nan, "NaN")],
    )  # fmt: skip
    def test_numbers_are_written_as_people_write_them(self, local, said):
        derived = derivation(by_hand({"x": [], "y": [("x", local, "")]}), "y", "x")
        assert derived.text.splitlines()[-1].endswith(f"= {said}")

    def test_nan_and_infinity_survive(self):
        assert derivation(graph("log(a)", a=0.0), "f", "a").value == math.inf
        derived = derivation(graph("0*(1/a)", a=0.0), "f", "a")
        assert math.isnan(derived.value)
        assert "NaN" in derived.text
        assert r"\mathrm{NaN}" in derived.latex

    def test_no_dependence_is_a_derivative_of_zero(self):
        shown = graph("(a+b)*c", a=1.0, b=2.0, c=3.0)
        derived = derivation(shown, "u", "c")
        assert (derived.value, derived.count, derived.paths) == (0.0, 0, ())
        assert derived.text == "u does not depend on c: ∂u/∂c = 0"
        assert derivation(shown, "u", "f").value == 0.0
        assert derivation(shown, "f", "f").value == 1.0
        assert derivation(shown, "f", "f").text == "∂f/∂f = 1"

    def test_a_dependence_in_steps_has_the_derivative_zero(self):
        derived = derivation(graph("floor(a) + sign(a)*b", a=2.5, b=1.0), "f", "a")
        assert derived.value == 0.0
        assert "in steps" in derived.text
        assert derivation(graph("sign(a)*a", a=-2.0), "f", "a").value == -1.0
        assert derivation(graph("sign(a)", a=-2.0), "f", "a").value == 0.0

    def test_unknown_names_are_answered_with_the_names_there_are(self):
        shown = graph("a*b", a=1.0, b=2.0)
        for pair in (("f", "z"), ("z", "a")):
            with pytest.raises(ProfundoError, match="no node 'z'; it has a, b, f"):
                derivation(shown, *pair)


class TestTensors:
    """loss = mean((x·w + relu(x·w))²): a residual in small, made by autograd for its norms."""

    def made(self):
        torch.manual_seed(0)
        x, w = torch.randn(4, 3, dtype=torch.float64), torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
        h = x @ w
        r = h.relu()
        s = h + r
        loss = s.square().mean()
        tensors = [w, h, r, s, loss]
        gradients = torch.autograd.grad(loss, tensors)
        through_r = gradients[2] * (h > 0)

        def summary(gradient):
            item = gradient.item() if gradient.numel() == 1 else None
            return Summary(0, 0, 0, 0, gradient.norm().item(), item=item)

        names = {"w": ["w"], "h": ["w"], "r": ["h"], "s": ["h", "r"], "loss": ["s"]}
        nodes = {
            name: Node(name, "input" if name == "w" else name, args=tuple(Ref(one) for one in inputs if one != name),
                       shape=tuple(tensor.shape), gradient=summary(gradient))
            for (name, inputs), tensor, gradient in zip(names.items(), tensors, gradients, strict=True)
        }  # fmt: skip
        norms = {name: gradient.norm().item() for name, gradient in zip(names, gradients, strict=True)}
        flows = {
            ("h", 0): Flow(norms["w"]), ("r", 0): Flow(through_r.norm().item()), ("s", 0): Flow(norms["s"]),
            ("s", 1): Flow(norms["r"]), ("loss", 0): Flow(norms["s"]),
        }  # fmt: skip
        return Graph(nodes, (Ref("loss"),), "loss", flows), norms, through_r

    def test_steps_say_shapes_and_norms_and_no_products_of_norms(self):
        shown, norms, through_r = self.made()
        derived = derivation(shown, "loss", "w")
        by_name = {step.name: step for step in derived.steps}
        assert list(by_name) == ["s", "r", "h", "w"]
        assert by_name["h"].shape == "4×2"
        assert by_name["h"].norm == norms["h"]
        assert [term.gradient for term in by_name["h"].terms] == [through_r.norm().item(), norms["s"]]
        assert by_name["h"].equation() == "∂loss/∂h = ∂loss/∂r·∂r/∂h + ∂loss/∂s·∂s/∂h"
        assert derived.value is None
        assert all(term.value is None for step in derived.steps for term in step.terms)
        assert "Jacobian" in derived.text
        assert "4×2" in derived.text
        assert derived.count == 2

    def test_norms_are_not_told_of_another_node_than_the_graphs_gradients_are_of(self):
        shown, _, _ = self.made()
        derived = derivation(shown, "s", "w")
        assert all(step.norm is None for step in derived.steps)
        assert all(term.gradient is None for step in derived.steps for term in step.terms)
        assert derived.value is None
        assert derived.count == 2

    def test_a_single_number_in_the_end_has_its_value(self):
        nodes = {
            "t": Node("t", "input", gradient=Summary(3, 3, 3, 0, 3, item=3.0)),
            "h": Node("h", "expand", args=(Ref("t"),), shape=(5,)),
            "loss": Node("loss", "sum", args=(Ref("h"),)),
        }
        flows = {("h", 0): Flow(3.0), ("loss", 0): Flow(1.0)}
        derived = derivation(Graph(nodes, (Ref("loss"),), "loss", flows), "loss", "t")
        assert derived.value == 3.0
        assert "= 3" not in derived.steps[-1].equation()

    def test_a_graph_without_flows_has_symbols_only(self):
        shown = graph(COURSE, a=5.0, b=3.0)
        derived = derivation(Graph(shown.nodes, shown.outputs), "f", "b")
        assert derived.value is None
        assert derived.count == 2
        assert derived.steps[-1].equation() == "∂f/∂b = ∂f/∂u·∂u/∂b + ∂f/∂v·∂v/∂b"
        assert "no figures" in derived.text


def test_a_traced_network_is_differentiated_in_words_and_its_paths_are_counted():
    """ResNet-20: nine blocks, each with two ways through it, so 2⁹ paths from the first convolution to the outputs."""
    from profundo import nets
    from profundo.graph.traces.tracing import trace
    from profundo.records import Inputs, Spec, Targets

    spec = Spec(Inputs((3, 16, 16), "image"), Targets("classes", tuple("0123456789")))
    torch.manual_seed(0)
    net = nets.resnet(spec, 20, widths=(4, 8, 16))
    images = torch.randn(2, 3, 16, 16)
    shown = trace(net, images)
    derived = derivation(shown, shown.of, "conv.weight")
    assert derived.count == 2**9
    assert derived.value is None
    assert "sum of all entries" in derived.text
    net(images).sum().backward()
    assert derived.steps[-1].norm == pytest.approx(net.conv.weight.grad.norm().item(), rel=1e-4)


def test_a_traced_function_of_numbers_has_the_same_figures_as_its_formula():
    from profundo.graph.traces.tracing import trace

    shown = trace(lambda a, b: (a + b) * (3 * b), torch.tensor(5.0), torch.tensor(3.0))
    derived = derivation(shown, shown.of, "b")
    assert (derived.value, derived.count) == (33.0, 2)
    assert "9·1 + 8·3 = 33" in derived.text


def test_equal_paths_in_all_orders_have_equal_sums():
    """a·b·c·d in every grouping has the same derivative by a."""
    for order in itertools.permutations("abcd"):
        shown = graph("*".join(order), a=2.0, b=3.0, c=5.0, d=7.0)
        assert derivation(shown, "f", "a").value == 105
