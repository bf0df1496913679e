"""A net as an ONNX graph (onnx.ai, the format that many runtimes read), written by PyTorch's own exporter.

The graph takes any number of inputs at once. What PyTorch notes about where each node came from is left out: it holds paths
of the machine that exported.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from profundo.records import ProfundoError
from profundo.runs.whole_nets.end_to_end import Whole, answer_name
from profundo.trees import leaves

if TYPE_CHECKING:
    import onnx

__all__ = ["NEEDED", "check_packages", "onnx_graph", "run_graph", "serialised", "session_of"]

OPSET = 20  # read by onnxruntime from 1.18 on
NEEDED = ("onnx", "onnxscript", "onnxruntime")
LARGEST = 2**31 - 2**20  # bytes: protobuf holds no more


def check_packages() -> None:
    """Raises ProfundoError that says what to install, where something is missing."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ProfundoError(
            f'exporting to ONNX needs {", ".join(missing)}: pip install "profundo[export]"; --format safetensors does without'
        )


def onnx_graph(whole: Whole, raw: Any, *names: str) -> onnx.ModelProto:
    """The net's graph for batches of inputs like these, of any size. names: of one input, or of each of several.

    Raises ProfundoError for what ONNX has no words for.
    """
    try:
        with quiet(), torch.no_grad():
            program = torch.onnx.export(
                whole,
                tuple(leaves(raw)),
                dynamo=True,
                dynamic_shapes=(({0: torch.export.Dim("batch")},) * len(names),),
                input_names=list(names),
                output_names=[answer_name(whole)],  # further ones have names of the exporter's
                opset_version=OPSET,
                verbose=False,
                custom_translation_table={torch.ops.aten.sort.stable: sorted_stably},
            )
    except Exception as error:  # noqa: BLE001 - whatever stops the exporter, the person can do one thing
        raise ProfundoError(
            f"this net cannot be written as ONNX: {_reason(error)}; --format safetensors keeps its weights"
        ) from None
    assert program is not None
    model: onnx.ModelProto = program.model_proto
    if not model.graph.input[0].type.tensor_type.shape.dim[0].dim_param:
        raise ProfundoError(
            "this net cannot be written as ONNX: it takes a fixed number of inputs at once (such as by len(x) in its forward; "
            "x.shape[0] stays open); --format safetensors keeps its weights"
        )
    strip(model)
    return model


def sorted_stably(values: Any, stable: bool = True, dim: int = -1, descending: bool = False) -> Any:  # noqa: ARG001
    """ONNX's words for PyTorch's stable sort, which the exporter lacks: TopK puts the earlier of equal values first, too."""
    from onnxscript import opset20 as words

    op: Any = words  # whose types are of values, not of what stands for them in a graph
    length = op.Gather(op.Shape(values), op.Constant(value_ints=[dim]))
    return op.TopK(values, length, axis=dim, largest=int(descending), sorted=1)


def with_decision(model: onnx.ModelProto, threshold: float) -> onnx.ModelProto:
    """The model with a second output, "prediction", int64 (batch,): 1 where the second of two classes has a probability of
    at least the threshold. Changes it."""
    from onnx import TensorProto, helper

    graph, inside = model.graph, "decision/"
    graph.initializer.extend(
        [
            helper.make_tensor(f"{inside}second", TensorProto.INT64, [], [1]),
            helper.make_tensor(f"{inside}threshold", TensorProto.FLOAT, [], [threshold]),
        ]
    )
    graph.node.extend(
        [
            helper.make_node("Gather", [graph.output[0].name, f"{inside}second"], [f"{inside}probability"], axis=1),
            helper.make_node("GreaterOrEqual", [f"{inside}probability", f"{inside}threshold"], [f"{inside}is"]),
            helper.make_node("Cast", [f"{inside}is"], ["prediction"], to=TensorProto.INT64),
        ]
    )
    graph.output.append(helper.make_tensor_value_info("prediction", TensorProto.INT64, ["batch"]))
    return model


def strip(model: onnx.ModelProto) -> None:
    """Without the exporter's notes."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


def serialised(model: onnx.ModelProto, facts: Mapping[str, str]) -> bytes:
    """The bytes of the file, with these facts in its metadata. Raises ProfundoError for more than ONNX files hold."""
    import onnx

    onnx.helper.set_model_props(model, dict(facts))
    if model.ByteSize() > LARGEST:
        raise ProfundoError(
            "this net has more than the 2 GB of weights that an ONNX file holds; use --format safetensors"
        )
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def session_of(content: bytes, threads: int = 0) -> Any:
    """The graph in onnxruntime, on the CPU. threads: of each operation; 0 leaves it to the runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def run_graph(content: bytes, feeds: Mapping[str, Any]) -> np.ndarray:
    """What onnxruntime makes of these inputs, on the CPU, first the first one alone, then all others together."""
    session = session_of(content)
    count = len(next(iter(feeds.values())))
    parts = [slice(0, 1), slice(1, count)] if count > 1 else [slice(0, 1)]
    return np.concatenate(
        [session.run(None, {name: value[part] for name, value in feeds.items()})[0] for part in parts]
    )


@contextmanager
def quiet() -> Iterator[None]:
    """The exporter's remarks are for its authors."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnx_ir", "onnxscript")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _reason(error: BaseException) -> str:
    """The first line of what was raised first."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]
