"""Why an answer, of a run or of any net: `profundo.explain`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from profundo.data.batches import prepared_inputs
from profundo.inside.attributions import Explanation
from profundo.inside.attributions import explain as explain_net
from profundo.records import ProfundoError, Spec, at_the_door
from profundo.runs.given.asking import inputs_for
from profundo.runs.opening import open_run
from profundo.runs.run import Run

__all__ = ["explain"]


@at_the_door
def explain(
    net: nn.Module | Run | str | Path,
    inputs: Any,
    method: str = "integrated_gradients",
    *,
    of: Any = None,
    **options: Any,
) -> Explanation:
    """What in each input the answer is due to, as a map of its shape: `profundo.inside.attributions` lists methods and options.

    net: a module, with inputs (batch, …) as it takes them; or a run, or its folder, with raw inputs as `run.predict` takes them.
    of: the output that is explained, by index; of a run's classes also by name. Of a run a baseline of 0 is the mean of training.
    """
    if isinstance(net, nn.Module):
        return explain_net(net, inputs, method, of=of, **options)
    run = net if isinstance(net, Run) else open_run(net, evaluate=False)
    raw, _ = inputs_for(inputs, run.data.spec.inputs)
    if isinstance(of, str):
        of = output_of(of, run.data.spec)
    ready = prepared_inputs(raw, run.data.spec.inputs)
    return explain_net(run.net, ready, method, of=of, **options)


def output_of(name: str, spec: Spec) -> Any:
    """The index of a class or of a target. Of two classes with one output, its logit, from the side of that class."""
    names = spec.targets.classes or spec.targets.names
    if name not in names:
        raise ProfundoError(f"of {name!r}: expected an output from 0, or one of {', '.join(names[:20]) or 'no names'}")
    if spec.targets.kind != "binary":
        return names.index(name)
    sign = 1 if names.index(name) else -1

    def towards(outputs: Tensor) -> Tensor:
        return sign * outputs.reshape(len(outputs), -1)[:, 0]

    return towards
