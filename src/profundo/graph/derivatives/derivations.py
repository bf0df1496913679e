"""The chain rule written out on a graph: ∂f/∂b is a sum over the users of b, and so over all paths from b to f.

For f = (a+b)·3b at a = 5, b = 3, with u = a+b and v = 3·b:

    ∂f/∂b = ∂f/∂u·∂u/∂b + ∂f/∂v·∂v/∂b = 9·1 + 8·3 = 33

Reverse accumulation (Linnainmaa 1970; Rumelhart, Hinton & Williams 1986): from f backward, each node's derivative is
made of those of its users, so that every edge is used once although the paths may be many. Here ∂u/∂b is the derivative
of u by b where b stands in the formula of u itself; where u depends on b in another way, too, that formula is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from math import prod

from profundo.graph.derivatives.formulas import equation, factor, partial, product
from profundo.graph.expressions.writing import number
from profundo.graph.nodes import Flow, Graph, Node
from profundo.records import ProfundoError

__all__ = ["Derivation", "Path", "Step", "Term", "derivation", "sweep"]

LINES = 40  # of steps in the text of a derivation; the record has them all
WIDTH = 72  # up to which equations leave room for one another's asides
NAMED_PATHS = 4
TERMS = 12


@dataclass(frozen=True, slots=True)
class Term:
    """What one use of a node adds to its derivative: (derivative of `of` by the user) · (of the user by the node).

    place: among the user's inputs. outer, local: the two factors, where both are single numbers. gradient: Euclidean
    norm of the product, of tensors. text, latex: the product in symbols; rule, rule_latex: the local one as a formula.
    is_direct: the user is `of` itself; is_named: the local factor stands in the text as ∂user/∂node, not as its rule.
    """

    user: str
    place: int
    outer: float | None
    local: float | None
    gradient: float | None
    text: str
    latex: str
    rule: str
    rule_latex: str
    is_direct: bool
    is_named: bool

    @property
    def value(self) -> float | None:
        return None if self.outer is None or self.local is None else self.outer * self.local

    def numbers(self, latex: bool = False) -> str:
        """The product in numbers: "9·1", or one number where the user is what is differentiated."""
        if self.outer is None or self.local is None:
            return ""
        if self.is_direct:
            return number(self.local, latex=latex)
        return (r" \cdot " if latex else "·").join(factor(item, latex=latex) for item in (self.outer, self.local))


@dataclass(frozen=True, slots=True)
class Step:
    """The derivative by one node. value: where it is a single number; norm: Euclidean, of tensors, where it is known."""

    of: str
    name: str
    shape: str
    terms: tuple[Term, ...]
    value: float | None
    norm: float | None

    def equation(self, latex: bool = False) -> str:
        """The derivative as a sum of its terms, in symbols and, where all are known, in numbers."""
        symbols = [term.latex if latex else term.text for term in self.terms]
        sides = [partial(self.of, self.name, latex=latex), _added(symbols, latex)]
        if self.value is not None and all(term.value is not None for term in self.terms):
            sides += [_added([term.numbers(latex) for term in self.terms], latex), number(self.value, latex=latex)]
        return equation(sides)

    def local(self, latex: bool = False) -> list[str]:
        """Equations of the local derivatives that stand in it by name: "∂u/∂b = 1"."""
        return [
            equation(
                [
                    partial(term.user, self.name, latex=latex),
                    term.rule_latex if latex else term.rule,
                    "" if term.local is None else number(term.local, latex=latex),
                ]
            )
            for term in self.terms
            if term.is_named and not term.is_direct and not (latex and term.local is None)
        ]


@dataclass(frozen=True, slots=True)
class Path:
    """nodes: from what is differentiated by to what is differentiated. factors: the local derivatives, from the end back."""

    nodes: tuple[str, ...]
    factors: tuple[float, ...] = ()

    @property
    def value(self) -> float | None:
        return prod(self.factors) if self.factors else None

    def __str__(self) -> str:
        shown = self.nodes if len(self.nodes) <= 8 else (*self.nodes[:4], "…", *self.nodes[-3:])
        route = " → ".join(shown)
        if self.value is None:
            return route
        numbers = "·".join(map(factor, self.factors)) if 1 < len(self.factors) <= 7 else ""
        return f"{route} ({equation([numbers, number(self.value)])})"


@dataclass(frozen=True)
class Derivation:
    """The derivative of `of` by `with_respect_to`, and how it came about.

    steps: one for each node between the two, from `of` backward; the last one is by `with_respect_to`.
    paths: the first of them; count: how many there are. value: None where it is no single number, or was not computed.
    is_stepwise: there is no path, since `of` depends on it only by operations that are flat but for jumps.
    is_sum: `of` is a tensor, and the norms in the steps are of the gradient of the sum of its entries.
    """

    of: str
    with_respect_to: str
    steps: tuple[Step, ...]
    paths: tuple[Path, ...]
    count: int
    value: float | None
    is_stepwise: bool = False
    is_sum: bool = False

    @cached_property
    def text(self) -> str:
        if not self.steps:
            return self._sentence()
        return "\n".join([self._sentence(), *_lines(self.steps)])

    @cached_property
    def latex(self) -> str:
        if not self.steps:
            value = number(self.value or 0.0, latex=True)
            return f"{partial(self.of, self.with_respect_to, latex=True)} = {value}"
        shown, omitted = _shown(self.steps)
        rows = [
            row.replace(" = ", " &= ", 1)
            for step in shown
            for row in (*step.local(latex=True), step.equation(latex=True))
        ]
        if omitted:
            rows.insert(len(rows) // 2, r"&\;\,\vdots")
        body = (r" \\" + "\n").join(rows)
        return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"

    def __str__(self) -> str:
        return self.text

    def _repr_latex_(self) -> str:
        return f"$$\n{self.latex}\n$$"

    def _sentence(self) -> str:
        of, by = self.of, self.with_respect_to
        if of == by:
            return f"{partial(of, by)} = 1"
        if self.is_stepwise:
            return f"{of} depends on {by} in steps only, through which no gradient passes: {partial(of, by)} = 0"
        if not self.count:
            return f"{of} does not depend on {by}: {partial(of, by)} = 0"
        many = f"{self.count:,} paths" if self.count > 1 else "one path"
        named = ", ".join(map(str, self.paths[: NAMED_PATHS if self.count <= NAMED_PATHS else 1]))
        introduced = f"{':' if self.count <= NAMED_PATHS else ', such as'} {named}" if named else ""
        sentence = f"{of} depends on {by} along {many}{introduced}"
        if any(term.local is None and term.gradient is not None for step in self.steps for term in step.terms):
            sentence += (
                "\n  Each derivative of one step by another is a matrix here (a Jacobian). Norms are Euclidean, of the gradient "
                "that arrives; those of several terms do not add up"
            )
            if self.is_sum:
                sentence += f". They are of the sum of all entries of {of}"
        elif any(term.local is None for step in self.steps for term in step.terms):
            sentence += (
                "\n  The graph holds no derivatives of every step from one to the other, so there are no figures"
            )
        return sentence


def derivation(graph: Graph, of: str, with_respect_to: str, *, limit: int = 64) -> Derivation:
    """The chain rule along every path from one node to another. limit: how many paths are listed; all are counted.

    Numbers are made of the local derivatives on the edges between the two, whatever the gradients in the graph are of.
    Where an edge has none, since its ends are tensors, there are symbols, shapes, and the norms that the graph holds.
    Raises ProfundoError for a name that no node has.
    """
    for name in (of, with_respect_to):
        if name not in graph:
            graph[name]  # raises, and says which there are
    if limit < 0:
        raise ProfundoError(f"limit: expected a number of paths, 0 or more, got {limit}")
    if of == with_respect_to:
        return Derivation(of, of, (), (Path((of,)),), 1, 1.0)
    between = _Between(graph, of, with_respect_to)
    if not between.count:
        is_used = with_respect_to in _reached(of, {node.name: node.inputs for node in graph})
        return Derivation(of, with_respect_to, (), (), 0, 0.0, is_used)
    steps = tuple(_step(between, name) for name in reversed(between.names) if name != of)
    paths = tuple(islice(_paths(between), limit))
    is_sum = graph.of == of and bool(graph[of].shape)
    return Derivation(of, with_respect_to, steps, paths, between.count, steps[-1].value, is_sum=is_sum)


def sweep(graph: Graph) -> tuple[Step, ...]:
    """Back-propagation node by node: how the gradient of each node is made of those of its users, from `graph.of` backward.

    A step for each node that has a gradient, but for `graph.of` itself; none where the graph has no gradients.
    """
    if not graph.of:
        return ()
    between = _Between(graph, graph.of, None)
    return tuple(
        _step(between, name)
        for name in reversed(between.names)
        if name != graph.of and graph[name].gradient is not None and between.users[name]
    )


# ---------------------------------------------------------------------------------------------- what lies between them
class _Between:
    """The part of a graph on which `of` depends and which depends on `by`, or on anything; names are in the graph's order."""

    def __init__(self, graph: Graph, of: str, by: str | None) -> None:
        self.graph, self.of, self.by = graph, of, by
        users = {
            name: [(user, place) for user, place in uses if not _is_blocked(graph, name, user, place)]
            for name, uses in graph.users().items()
        }
        inputs: dict[str, list[str]] = {node.name: [] for node in graph}
        for name, uses in users.items():
            for user, _ in uses:
                inputs[user].append(name)
        before = _reached(of, inputs)
        onward = {name: [user for user, _ in uses] for name, uses in users.items()}
        after = before if by is None else _reached(by, onward)
        self.names = [node.name for node in graph if node.name in before and node.name in after]
        self.bits = {name: 1 << place for place, name in enumerate(self.names)}
        self.users = {name: [use for use in users[name] if use[0] in self.bits] for name in self.names if name != of}
        self.paths_to = self._paths_to()
        self.derivatives = self._derivatives()

    @property
    def count(self) -> int:
        """Paths from `by` to `of`."""
        return 0 if self.by is None else self.paths_to.get(self.by, 0)

    @cached_property
    def dependence(self) -> Mapping[str, int]:
        """Of each node, which of the names it depends on, as bits."""
        known: dict[str, int] = {}
        for name in self.names:
            known[name] = 0
            for before in self.graph[name].inputs:
                known[name] |= known.get(before, 0) | self.bits.get(before, 0)
        return known

    def flow(self, user: str, place: int) -> Flow:
        return self.graph.flows.get((user, place), Flow())

    def is_only_use(self, user: str, name: str) -> bool:
        """Whether the user depends on the node by one of its inputs alone, the node itself."""
        inputs = self.graph[user].inputs
        return inputs.count(name) == 1 and not any(self.dependence.get(item, 0) & self.bits[name] for item in inputs)

    def _paths_to(self) -> dict[str, int]:
        """From each node to `of`, by adding up those of its users."""
        paths = {self.of: 1} if self.of in self.names else {}
        for name in reversed(self.names):
            if name != self.of:
                paths[name] = sum(paths[user] for user, _ in self.users[name])
        return paths

    def _derivatives(self) -> dict[str, float | None]:
        """Of `of` by each node, where all edges on the way have numbers."""
        result: dict[str, float | None] = {self.of: 1.0}
        for name in reversed(self.names):
            if name != self.of:
                result[name] = _sum(
                    _times(result[user], self.flow(user, place).local) for user, place in self.users[name]
                )
        return result


def _is_blocked(graph: Graph, name: str, user: str, place: int) -> bool:
    """Whether no gradient passes between two single numbers: where the user is no fraction, as in a > b, or has one of
    its own that it does not hand on, as sign(a) has."""
    if (user, place) in graph.flows or graph[user].shape or graph[name].shape or not (graph.flows or graph.of):
        return False
    kind = graph[user].dtype
    return graph[user].gradient is not None or kind == "bool" or kind.startswith(("int", "uint"))


def _reached(start: str, onward: Mapping[str, Sequence[str]]) -> set[str]:
    seen, waiting = {start}, [start]
    while waiting:
        for name in onward[waiting.pop()]:
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    return seen


def _times(outer: float | None, local: float | None) -> float | None:
    return None if outer is None or local is None else outer * local


def _sum(values: Iterator[float | None]) -> float | None:
    total = 0.0
    for value in values:
        if value is None:
            return None
        total += value
    return total


def _paths(between: _Between) -> Iterator[Path]:
    """Every path, without recursion: each prefix in the stack leads to `of`, since all between the two does."""
    waiting: list[tuple[tuple[str, ...], tuple[float | None, ...]]] = [((between.by or "",), ())]
    while waiting:
        nodes, factors = waiting.pop()
        if nodes[-1] == between.of:
            known = tuple(item for item in reversed(factors) if item is not None)
            yield Path(nodes, known if len(known) == len(factors) else ())
            continue
        for user, place in reversed(between.users[nodes[-1]]):
            waiting.append(((*nodes, user), (*factors, between.flow(user, place).local)))


# --------------------------------------------------------------------------------------------------------------- steps
def _step(between: _Between, name: str) -> Step:
    terms = tuple(_term(between, name, user, place) for user, place in between.users[name])
    value = between.derivatives[name]
    is_number = between.graph.of == between.of and not between.graph[between.of].shape
    if value is None and is_number and (gradient := between.graph[name].gradient) is not None:
        value = gradient.item
    node = between.graph[name]
    return Step(between.of, name, "×".join(map(str, node.shape)), terms, value, _norm(between, node))


def _norm(between: _Between, node: Node) -> float | None:
    return node.gradient.norm if node.gradient is not None and between.graph.of == between.of else None


def _term(between: _Between, name: str, user: str, place: int) -> Term:
    flow, is_direct = between.flow(user, place), user == between.of
    is_named = not flow.rule or (not is_direct and between.is_only_use(user, name))
    text, latex = partial(user, name), partial(user, name, latex=True)
    if not is_named:
        text, latex = flow.rule, flow.latex or flow.rule
    elif between.graph[user].inputs.count(name) > 1:
        text, latex = f"{text} (input {place + 1})", rf"{latex}\Big|_{{{place + 1}}}"
    elif is_direct and len(between.users[name]) > 1:
        text, latex = f"{text} (direct)", rf"{latex}\Big|_{{\mathrm{{direct}}}}"
    if not is_direct:
        text = product(partial(between.of, user), text)
        latex = product(partial(between.of, user, latex=True), latex, latex=True)
    carried = flow.gradient if between.graph.of == between.of else None
    outer = between.derivatives[user]
    return Term(user, place, outer, flow.local, carried, text, latex, flow.rule, flow.latex, is_direct, is_named)


def _added(terms: list[str], latex: bool = False) -> str:
    """a + b; a number below zero stands in parentheses where it is not the first. Of very many, some are shown."""
    first, *others = _some(terms, r"\dots" if latex else "…")
    brackets = (r"\left(", r"\right)") if latex else ("(", ")")
    return " + ".join([first, *(item.join(brackets) if item.startswith(("-", "−")) else item for item in others)])


def _some(words: list[str], dots: str) -> list[str]:
    return words if len(words) <= TERMS else [*words[: TERMS - 2], dots, words[-1]]


# ----------------------------------------------------------------------------------------------------------------- text
def _shown(steps: tuple[Step, ...]) -> tuple[list[Step], int]:
    """The first and the last of very many steps, and how many are left out between them."""
    if len(steps) <= LINES:
        return [*steps], 0
    return [*steps[: LINES // 2], *steps[-LINES // 2 :]], len(steps) - LINES


def _lines(steps: tuple[Step, ...]) -> list[str]:
    """One for each step, aligned; those in the middle of very many are only counted."""
    shown, omitted = _shown(steps)
    equations = [step.equation() for step in shown]
    width = max((len(written) for written in equations if len(written) <= WIDTH), default=0)
    lines = [f"  {written:{width}}  {_aside(step)}".rstrip() for written, step in zip(equations, shown, strict=True)]
    if omitted:
        lines.insert(LINES // 2, f"  … {omitted:,} more steps …")
    return lines


def _aside(step: Step) -> str:
    """What stands beside the equation: local derivatives, or shape and norms."""
    if all(term.local is not None for term in step.terms):
        local = step.local()
        return f"with {', '.join(_some(local, '…'))}" if local else ""
    shape = [f"shape {step.shape}"] if step.shape else []
    norm = [f"norm {number(step.norm)}"] if step.norm is not None else []
    through = [f"{number(t.gradient)} through {t.user}" for t in step.terms if t.gradient is not None]
    return ", ".join(shape + norm) + (f": {', '.join(_some(through, '…'))}" if len(through) > 1 else "")
