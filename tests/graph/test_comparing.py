"""Ways to differentiate, compared: errors against closed forms, counts by hand, slopes by theory."""

import math
import xml.etree.ElementTree as ET
from functools import reduce
from operator import add

import pytest
import torch

import profundo.graph as G
from profundo.graph import scalar, vector
from profundo.graph.derivatives.derivative_comparison import (
    WAYS,
    compare,
    errors,
    growth,
    slope,
    speelpenning,
    step_sizes,
)
from profundo.graph.derivatives.differentiating import differentiate
from profundo.graph.expressions.expression import ancestors
from profundo.records import ProfundoError

DOUBLE = torch.float64
X = scalar("x", dtype=DOUBLE)


def seed_example():
    a, b = scalar("a"), scalar("b")
    return (a + b) * (3 * b), {"a": 5, "b": 3}


class TestComparison:
    def test_all_ways_find_the_derivatives_of_the_seed_example(self):
        found = compare(*seed_example())
        assert [row.way for row in found.rows] == list(WAYS)
        assert found.value == 72
        for row in found.rows:
            assert float(row.derivatives.gradients["a"]) == pytest.approx(9, rel=1e-7)
            assert float(row.derivatives.gradients["b"]) == pytest.approx(33, rel=1e-7)
        assert (found["symbolic"].absolute, found["symbolic"].relative) == (0, 0)

    def test_errors_are_those_against_the_closed_form(self):
        found = compare(G.sin(X), {"x": 1.0})
        for row in found.rows:
            error = abs(float(row.derivatives.gradients["x"]) - math.cos(1))
            assert row.absolute == pytest.approx(error, abs=2e-16)
            assert row.relative == pytest.approx(error / math.cos(1), abs=4e-16)
        assert found["forward differences"].absolute > 10 * found["central differences"].absolute > 0

    def test_evaluations_are_n_plus_one_and_twice_n(self):
        found = compare((vector("v") ** 3).sum(), {"v": [1.0, 2.0, 3.0, 4.0]})
        assert [row.derivatives.evaluations for row in found.rows] == [5, 8, 0, 1]

    def test_the_table_is_aligned_and_tells_the_derivatives(self):
        lines = str(compare(*seed_example())).splitlines()
        assert lines[0] == "f = 72"
        head, *rows = lines[2:7]
        assert head.split()[:5] == ["∂f/∂a", "∂f/∂b", "error", "relative", "evaluations"]
        assert [row.split("  ")[0] for row in rows] == list(WAYS)
        assert rows[-1].split()[:4] == ["automatic", "9", "33", "exact"]
        assert len({len(line) for line in (head, *rows)}) == 1
        assert "operations as written" in lines[-1]

    def test_of_many_derivatives_some_are_shown_and_all_are_counted(self):
        printed = str(compare(lambda x: (x * x).sum(), torch.arange(50.0)))
        assert "∂f/∂x[5]" in printed
        assert "∂f/∂x[6]" not in printed
        assert "6 of 50 derivatives are shown" in printed

    def test_a_way_that_does_not_exist_says_why(self):
        found = compare(lambda x: x.sin(), 1.0)
        assert found["symbolic"].derivatives is None
        assert "functions of profundo.graph" in found["symbolic"].why
        assert "functions of profundo.graph" in str(found)
        assert float(found["automatic"].derivatives.gradients["x"]) == math.cos(1)

    def test_names_are_escaped_on_pages_and_harmless_in_terminals(self):
        name = "<script>alert(1)</script>\x1b[2J"
        found = compare(scalar(name) ** 2, {name: 3})
        assert "<script>" not in found._repr_html_()
        assert "&lt;script&gt;" in found._repr_html_()
        assert "\x1b" not in str(found)
        ET.fromstring(f"<div>{compare(*seed_example())._repr_html_()}</div>")

    def test_unknown_ways_are_told_with_those_that_exist(self):
        with pytest.raises(ProfundoError, match="'magic'; there are forward differences"):
            compare(*seed_example())["magic"]

    def test_nan_in_both_is_agreement_and_nan_in_one_is_not(self):
        nan, inf = math.nan, math.inf

        def of(*numbers):
            return {"x": torch.tensor(numbers, dtype=DOUBLE)}

        assert errors(of(1, nan, inf), of(1, nan, inf)) == (0, 0)
        assert math.isnan(errors(of(1, nan), of(1, 2))[0])
        assert errors(of(1, -inf), of(1, inf))[0] == inf
        assert errors(of(1.5, 4), of(1, 4)) == (0.5, 0.125)
        assert errors(of(0.5), of(0)) == (0.5, inf)
        assert errors({}, {}) == (0, 0)
        printed = str(compare(G.log(X), {"x": -1.0}))
        assert "NaN" in printed


class TestGrowth:
    SIZES = (2, 3, 8, 20)

    def test_the_counts_of_speelpenning_s_product_are_those_by_hand(self):
        """Products alone: f has n − 1; the chain rule adds two for each but the last, whose gradient is one."""
        found = growth(speelpenning, self.SIZES)
        assert found.function == tuple(n - 1 for n in self.SIZES)
        assert found.evaluations["forward differences"] == tuple(n + 1 for n in self.SIZES)
        assert found.evaluations["central differences"] == tuple(2 * n for n in self.SIZES)
        assert found.evaluations["automatic"] == (1, 1, 1, 1)
        assert found.operations["central differences"] == tuple(2 * n * (n - 1) for n in self.SIZES)
        assert found.operations["automatic"] == tuple((n - 1) + 2 * (n - 2) for n in self.SIZES)
        assert found.operations["symbolic, written out"] == tuple(n * (n - 2) for n in self.SIZES)

    def test_the_gradient_costs_no_more_than_a_few_functions(self):
        """Baur & Strassen 1983: at most four times the arithmetic operations of a rational function."""
        for make in (speelpenning, self.quotients):
            assert max(growth(make, [2, 10, 30]).ratios["automatic"]) <= 4

    @staticmethod
    def quotients(n):
        """Σ xᵢ² · Π xᵢ / (1 + Σ xᵢ²)."""
        product, at = speelpenning(n)
        inputs = [one for one in ancestors([product]) if one.kind == "input"]
        squares = reduce(add, [one * one for one in inputs])
        return squares * product / (1 + squares), at

    def test_what_has_no_formula_is_left_out(self):
        found = growth(lambda n: (lambda x: x.sin().sum(), torch.ones(n)), [1, 2])
        assert not [way for way in found.operations if "symbolic" in way]
        assert set(found.operations) == {"forward differences", "central differences", "automatic"}

    def test_it_prints_and_draws(self):
        found = growth(speelpenning, [2, 4])
        assert str(found).splitlines()[0].split() == ["operations", "n", "=", "2", "n", "=", "4"]
        drawn = ET.fromstring(found._repr_svg_())
        assert "automatic" in drawn.get("aria-label")
        assert drawn.tag == "{http://www.w3.org/2000/svg}svg"  # or it is no picture outside of a page
        letters = float(drawn.get("font-size")) * float(drawn.get("width")) / float(drawn.get("viewBox").split()[2])
        assert 11 < letters < 18

    def test_speelpenning_s_product_has_the_gradient_of_autograd(self):
        f, at = speelpenning(5)
        leaves = torch.tensor(list(at.values()), dtype=DOUBLE, requires_grad=True)
        leaves.prod().backward()
        found = torch.stack(list(differentiate(f, at).gradients.values()))
        torch.testing.assert_close(found, leaves.grad, rtol=1e-14, atol=0)

    @pytest.mark.parametrize("sizes", [[], [0], [2, -1]])
    def test_sizes_are_checked(self, sizes):
        with pytest.raises(ProfundoError, match="sizes of 1 and more"):
            growth(speelpenning, sizes)


@pytest.fixture(scope="module")
def found():
    return step_sizes(G.exp(X) * G.sin(X), {"x": 1.0})


class TestStepSizes:
    @pytest.mark.parametrize(("differences", "order"), [("forward", 1), ("central", 2), ("five-point", 4)])
    def test_truncation_grows_with_the_order_and_rounding_with_the_inverse_of_the_step(self, found, differences, order):
        for precision, tolerance in (("float64", 0.05), ("float32", 0.25)):
            curve = found.curve(differences, precision)
            assert curve.truncation == pytest.approx(order, abs=tolerance)
            assert curve.rounding == pytest.approx(-1, abs=2 * tolerance + 0.05)

    @pytest.mark.parametrize(("differences", "order"), [("forward", 1), ("central", 2), ("five-point", 4)])
    def test_the_best_step_is_about_the_one_that_theory_says(self, found, differences, order):
        for precision, epsilon in (("float64", 2**-52), ("float32", 2**-23)):
            best = found.curve(differences, precision).best
            assert abs(math.log10(best / epsilon ** (1 / (order + 1)))) < 1

    def test_errors_are_those_of_the_closed_form(self, found):
        exact = math.e * (math.sin(1) + math.cos(1))
        at = min(range(len(found.steps)), key=lambda at: abs(found.steps[at] - 1e-4))
        h = (1 + found.steps[at]) - 1
        f = [math.exp(x) * math.sin(x) for x in (1 + h, 1 - h)]
        error = abs((f[0] - f[1]) / (2 * h) - exact)
        assert found.curve("central").errors[at] == pytest.approx(error, rel=1e-3)

    def test_forward_differences_of_a_square_err_by_the_step(self):
        found = step_sizes(X * X, {"x": 3.0}, steps=[0.125, 0.5, 0.25])
        assert found.steps == (0.125, 0.25, 0.5)
        for precision in ("float64", "float32"):
            assert found.curve("forward", precision).errors == (0.125, 0.25, 0.5)
            assert found.curve("central", precision).errors == (0, 0, 0)

    def test_in_float32_only_the_arithmetic_errs_and_not_the_point(self):
        """1000.1 is another number in float32, by 2e-5; what is computed of it there is nearly exact."""
        found = step_sizes((X - 1000) ** 2, {"x": 1000.1}, steps=[0.125])
        assert found.curve("central", "float32").errors[0] < 1e-6

    def test_all_entries_of_all_inputs_count(self):
        found = step_sizes(lambda u, v: (u**2).sum() + v**2, [torch.ones(3), 5.0], steps=[0.5])
        assert found.curve("forward").errors == (0.5,)

    def test_steps_too_small_to_move_the_point_leave_a_gap(self):
        found = step_sizes(torch.sin, 1.0, steps=[1e-30, 1e-3])
        assert math.isnan(found.curve("central").errors[0])
        assert found.curve("central").best == 1e-3
        ET.fromstring(found._repr_svg_())

    def test_a_constant_has_no_error_and_no_slopes(self):
        found = step_sizes(0 * X + 3, {"x": 1.0})
        assert set(found.curve("central").errors[-40:]) == {0}
        assert math.isnan(found.curve("central").truncation)
        ET.fromstring(found._repr_svg_())
        assert "NaN" in str(found) or "nan" in str(found)

    def test_it_prints_a_row_for_each_curve_and_draws_a_line_for_each(self, found):
        assert len(str(found).splitlines()) == 1 + 6
        drawn = ET.fromstring(found._repr_svg_())
        lines = [group for group in drawn.iter() if group.get("class") == "curve"]
        assert len(lines) == 6
        assert float(drawn.get("width")) < 900
        assert "five-point, float32" in drawn.get("aria-label")

    @pytest.mark.parametrize("steps", [[], [0.0], [-1.0], [math.nan], [math.inf]])
    def test_steps_are_checked(self, steps):
        with pytest.raises(ProfundoError, match="all above 0"):
            step_sizes(X, {"x": 1.0}, steps=steps)

    def test_unknown_curves_are_told_with_those_that_exist(self, found):
        with pytest.raises(ProfundoError, match="forward, central, five-point in float64 or float32"):
            found.curve("backward")

    def test_slopes_are_those_of_powers(self):
        points = [(10.0**at, 3 * 10.0 ** (2.5 * at)) for at in range(6)]
        assert slope(points) == pytest.approx(2.5)
        assert slope([*points, (1.0, 0.0), (2.0, math.nan)]) == pytest.approx(2.5)
        assert math.isnan(slope(points[:3]))
