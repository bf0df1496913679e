"""A graph written in a simpler way: the same function, from fewer, faster and more exact operations.

    simpler = rewrite(graph)                         # for inference: what was learned is fixed
    simpler = rewrite(graph, training=True)          # only rules that keep every gradient
    simpler = rewrite(graph, rules=["one", "log of sigmoid"])
    simpler, applied = rewriting(graph)              # and which rule did what, where

Term rewriting (Baader & Nipkow 1998, "Term Rewriting and All That") on graphs, as Theano did it: small local rules,
swept from inputs to outputs until none has anything to say. Every rule leaves less to compute or a form that no rule
turns back, so that this ends. Dead parts are dropped after each sweep: what no output needs, unless it draws random
numbers that others would then draw.

Names stay with their operation; inputs stay; outputs keep order and number, though two equal ones may become the same
tensor, and one that does nothing to an input becomes that input.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from profundo.graph.nodes import Graph, Node, Ref
from profundo.graph.rewriting.inference import INFERENCE
from profundo.graph.rewriting.matching import Change, Draft, Rule, family, has_effect, redirected
from profundo.graph.rewriting.rules import TRAINING
from profundo.graph.running import straight
from profundo.graph.traces.tracing import trace
from profundo.records import ProfundoError

__all__ = ["DEAD", "RULES", "Applied", "Rewriting", "predictor", "rewrite", "rewriting"]

RULES: Mapping[str, Rule] = {rule.name: rule for rule in (*TRAINING[:-1], *INFERENCE, TRAINING[-1])}
"""Every rule by its name, in the order in which they are tried."""

DEAD = "dead parts"
"""What dropping them is called among what was applied; no rule, for it belongs to all."""


@dataclass(frozen=True, slots=True)
class Applied:
    """One change. node: the name of what was rewritten; line, module: where it came from."""

    rule: str
    node: str
    line: str = ""
    module: str = ""


class Rewriting(NamedTuple):
    """A rewritten graph and the changes that led to it, in their order."""

    graph: Graph
    applied: tuple[Applied, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How often each rule was applied, most often first."""
        return dict(Counter(item.rule for item in self.applied).most_common())


def rewrite(graph: Graph, rules: Iterable[str | Rule] | None = None, *, training: bool = False) -> Graph:
    """The same function, simpler; the given graph stays as it is.

    rules: names out of RULES or rules of one's own, in the order of trying; all that apply otherwise.
    training: use only those that keep every gradient the same function.
    Raises ProfundoError for an unknown rule, one for inference asked for in training, and rules that never come to rest.
    """
    return rewriting(graph, rules, training=training).graph


def rewriting(graph: Graph, rules: Iterable[str | Rule] | None = None, *, training: bool = False) -> Rewriting:
    """The same, with an account of what was done."""
    by_family = _by_family(_chosen(rules, training))
    applied: list[Applied] = []
    graph = _without_dead(graph, applied)
    for _ in range(2 * len(graph) + 10):
        before = len(applied)
        swept = _swept(graph, by_family, applied)
        if len(applied) == before:
            return Rewriting(graph, tuple(applied))
        graph = _without_dead(swept, applied)
    raise ProfundoError(f"the rules never come to rest; the last was {applied[-1].rule!r} at {applied[-1].node}")


def _chosen(rules: Iterable[str | Rule] | None, training: bool) -> list[Rule]:
    if rules is None:
        return [rule for rule in RULES.values() if rule.training or not training]
    if isinstance(rules, str | Rule):
        rules = [rules]
    chosen = [_rule(rule) for rule in rules]
    wrong = [rule.name for rule in chosen if training and not rule.training]
    if wrong:
        raise ProfundoError(f"{wrong[0]!r} does not keep gradients; leave it out, or training=True")
    return chosen


def _rule(rule: str | Rule) -> Rule:
    if isinstance(rule, Rule):
        return rule
    if rule not in RULES:
        raise ProfundoError(f"no rule is called {rule!r}; there are {', '.join(RULES)}")
    return RULES[rule]


def _by_family(rules: Sequence[Rule]) -> Callable[[str], list[Rule]]:
    """Of a family, the rules that look at it."""
    result: dict[str, list[Rule]] = {}

    def of(word: str) -> list[Rule]:
        if word not in result:
            result[word] = [rule for rule in rules if not rule.families or word in rule.families]
        return result[word]

    return of


def _swept(graph: Graph, rules: Callable[[str], list[Rule]], applied: list[Applied]) -> Graph:
    """Every node in turn, each rewritten by the first rule that has something to say."""
    draft, instead = Draft.of(graph), dict[Ref, Ref]()
    for original in graph:
        node = redirected(original, instead)
        change, name = _first_change(node, draft, rules)
        if change is None:
            draft.nodes[node.name] = node
            continue
        _place(node, change, draft, instead)
        applied.append(Applied(name, node.name, node.line, node.module))
    outputs = tuple(instead.get(ref, ref) for ref in graph.outputs)
    return graph.with_nodes(draft.nodes, outputs)


def _first_change(node: Node, draft: Draft, rules: Callable[[str], list[Rule]]) -> tuple[Change | None, str]:
    for rule in rules(family(node)):
        if (change := rule.apply(node, draft)) is not None:
            return change, rule.name
    return None, ""


def _place(node: Node, change: Change, draft: Draft, instead: dict[Ref, Ref]) -> None:
    """Put the nodes of a change where the node would stand, and send its readers to what stands for it now."""
    for new in change.nodes:
        draft.nodes.pop(new.name, None)
        draft.nodes[new.name] = new
        draft.names.add(new.name)
        draft.uses.update(new.refs)
    old = Ref(node.name, change.part)
    if change.value != old:
        instead[old] = change.value
        draft.uses[change.value] += draft.uses[old]


def _without_dead(graph: Graph, applied: list[Applied]) -> Graph:
    """Without what no output needs; inputs stay, and what has an effect with all that it needs."""
    needed = {ref.node for ref in graph.outputs}
    for node in reversed(list(graph)):
        if node.name in needed or has_effect(node):
            needed.update((node.name, *node.inputs))
    dead = [node for node in graph if node.name not in needed and node.op != "input"]
    applied.extend(Applied(DEAD, node.name, node.line, node.module) for node in dead if node.call is not None)
    if not dead:
        return graph
    gone = {node.name for node in dead}
    return graph.with_nodes({name: node for name, node in graph.nodes.items() if name not in gone})


# ---------------------------------------------------------------------------------------------------------- predictions
def predictor(net: nn.Module, *example: Tensor) -> Callable[..., Any]:
    """What the net predicts in evaluation mode, as one straight function of inputs like the example's.

    Its parameters are taken as they are now. Sizes are recorded: inputs of other shapes or dtypes raise ProfundoError.
    """
    graph = _with_copies(rewrite(_trace_of_predictions(net, example)))
    names = [node.name for node in graph.inputs]
    if len(names) != len(example):
        raise ProfundoError(
            f"expected a net that reads {len(example)} tensors, as the example; it has {len(names)} inputs"
        )
    function, expected = straight(graph, names), _kinds(example)

    @torch.no_grad()
    def predict(*inputs: Tensor) -> Any:
        if _kinds(inputs) != expected:
            raise ProfundoError(
                f"expected {_listed(expected)}, got {_listed(_kinds(inputs))}; make another predictor for other shapes"
            )
        results = function(*inputs)
        return results[0] if len(results) == 1 else results

    return predict


def _trace_of_predictions(net: nn.Module, example: Sequence[Tensor]) -> Graph:
    """In evaluation mode, whichever mode each module is left in."""
    training = [module for module in net.modules() if module.training]
    net.eval()
    try:
        return trace(net, *example, backward=False)
    finally:
        for module in training:
            module.training = True


def _with_copies(graph: Graph) -> Graph:
    """Parameters in memory of their own: some have been folded, and the others must not go on learning alone."""
    copies = {
        node.name: node if node.data is None else replace(node, data=node.data.detach().clone()) for node in graph
    }
    return graph.with_nodes(copies)


Kind = tuple[tuple[int, ...], str]


def _kinds(inputs: Sequence[Any]) -> list[Kind]:
    """Shape and dtype of each."""
    return [(tuple(getattr(item, "shape", ())), str(getattr(item, "dtype", type(item).__name__))) for item in inputs]


def _listed(kinds: Sequence[Kind]) -> str:
    return " and ".join(f"{dtype.removeprefix('torch.')} {shape}" for shape, dtype in kinds) or "nothing"
