"""A net as a Python function that needs torch alone: every operation that it does, in their order, with its weights by name.

torch.export follows one call of the net, for any number of inputs, down to PyTorch's own operations (torch.ops.aten); here
each becomes a line. So weights in a .safetensors file are of use to who has no Profundo, and a reader sees all there is.
"""

from __future__ import annotations

import keyword
import operator
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, fx

from profundo.records import ProfundoError
from profundo.runs.whole_nets.end_to_end import Whole, answer_name
from profundo.runs.whole_nets.onnx_graphs import quiet

__all__ = ["plain_python"]

MOST_INLINE = 20_000  # numbers that a file of source may hold
TAKEN = {"torch", "aten", "operator", "weights", "predict", "load_file"}
OWN = ("mean", "std", "target_mean", "target_std")  # constants of Whole
CHECKS = ("_assert", "sym_constrain")  # operations that compute nothing

HEAD = '''"""{title}

Written by Profundo {version}. Needs torch and safetensors:

    from safetensors.torch import load_file
    from model import predict

    answers = predict(load_file("{weights}"), {given})
"""

import operator  # noqa: F401

import torch

aten = torch.ops.aten
{constants}

@torch.no_grad()
def predict(weights, {given}):
    """{signature}"""
'''


def plain_python(whole: Whole, raw: Tensor, given: str, title: str, weights: str, signature: str) -> str:
    """The source of a module with the function `predict(weights, inputs)`. given: what its inputs are called.

    Raises ProfundoError for a net that does not say the same operations at every call.
    """
    from profundo import __version__

    constants: list[str] = []
    try:
        with quiet(), torch.no_grad():
            program = torch.export.export(whole, (raw,), dynamic_shapes=(({0: torch.export.Dim("batch")},),))
        lines = _lines(program, given, constants)
    except Exception as error:  # noqa: BLE001 - a net of one's own may do anything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ProfundoError(f"this net cannot be written as plain operations: {reason}") from None
    head = HEAD.format(
        title=_in_docstring(title),
        version=__version__,
        weights=_in_docstring(weights),
        given=given,
        signature=f"{signature} → {answer_name(whole)}.",
        constants="".join(f"\n{constant}\n" for constant in constants),
    )
    return head + "\n".join(f"    {line}" for line in lines) + "\n"


def _in_docstring(text: str) -> str:
    return " ".join(text.replace("\\", " ").replace('"', "'").split())


def _lines(program: torch.export.ExportedProgram, given: str, constants: list[str]) -> list[str]:
    """The body of the function; tensors that are no weights are added to the constants."""
    names = _sources(program, given, constants)
    lines, place = [], ""
    for node in program.graph.nodes:
        if node.op == "output":
            (answer,) = node.args[0]
            lines.append(f"return {_written(answer, names)}")
        if node.op != "call_function" or (not node.users and any(sign in str(node.target) for sign in CHECKS)):
            continue
        if (now := _module(node)) != place:
            lines += [f"# {now}"] if now else []
            place = now
        names[node.name] = _identifier(node.name, given)
        lines.append(f"{names[node.name]} = {_call(node, names)}")
    return lines


def _sources(program: torch.export.ExportedProgram, given: str, constants: list[str]) -> dict[str, str]:
    """How the source names what goes in: the inputs, the weights by their name in the file, and constants."""
    kept = program.state_dict.keys() - set(program.graph_signature.non_persistent_buffers)
    names = {}
    for spec in program.graph_signature.input_specs:
        target = spec.target
        if target is None:
            names[spec.arg.name] = given
        elif target.startswith("net.") and target in kept:
            names[spec.arg.name] = f"weights[{target.removeprefix('net.')!r}]"
        else:
            value = program.state_dict[target] if target in program.state_dict else program.constants[target]
            own = target.upper() if target in OWN else f"CONSTANT_{len(constants)}"
            names[spec.arg.name] = own
            constants.append(f"{own} = {_inline(value)}")
    return names


def _inline(value: Any) -> str:
    if not isinstance(value, Tensor) or value.numel() > MOST_INLINE:
        raise ValueError("it keeps large tensors that are no weights")
    flat = f"torch.tensor({value.flatten().tolist()}, dtype={value.dtype})"
    return flat.replace("inf", 'float("inf")').replace("nan", 'float("nan")') + f".reshape({list(value.shape)})"


def _module(node: fx.Node) -> str:
    """The part of the net that it belongs to."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path = stack[-1][0] if stack else ""
    return str(path).removeprefix("L__self__").removeprefix("net").strip(".")


def _call(node: fx.Node, names: Mapping[str, str]) -> str:
    arguments = [_written(value, names) for value in node.args]
    if node.target is operator.getitem:
        return f"{arguments[0]}[{arguments[1]}]"
    arguments += [f"{name}={_written(value, names)}" for name, value in node.kwargs.items()]
    target = str(node.target)
    if isinstance(node.target, torch._ops.OpOverload) and target.startswith("aten."):
        return f"{target}({', '.join(arguments)})"
    if getattr(operator, getattr(node.target, "__name__", ""), None) is node.target:
        return f"operator.{node.target.__name__}({', '.join(arguments)})"
    raise ValueError(f"it uses {target}")


def _written(value: Any, names: Mapping[str, str]) -> str:
    if isinstance(value, fx.Node):
        return names[value.name]
    if isinstance(value, list | tuple):
        return f"[{', '.join(_written(one, names) for one in value)}]"
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):
        return f'float("{value}")'
    if isinstance(value, torch.device):
        return f'torch.device("{value}")'
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    if isinstance(value, torch.dtype | torch.layout | torch.memory_format):
        return str(value)
    raise ValueError(f"it uses a {type(value).__name__}")


def _identifier(name: str, given: str) -> str:
    return f"{name}_" if keyword.iskeyword(name) or name in TAKEN | {given} else name
