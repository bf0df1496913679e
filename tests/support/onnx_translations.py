"""PyTorch's exporter reads its 500 translations anew for each export: once a process is enough for tests."""

from functools import cache

from torch.onnx._internal.exporter._registration import ONNXRegistry

from profundo.use.onnx_graphs import OPSET, quiet

ONNXRegistry.from_torchlib = staticmethod(cache(ONNXRegistry.from_torchlib))
with quiet():
    ONNXRegistry.from_torchlib(opset_version=OPSET)
