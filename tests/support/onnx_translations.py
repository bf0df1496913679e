"""PyTorch's exporter reads its 500 translations anew for each export, and lists all operations that there are 60 times: once a
process is enough for tests."""

from functools import cache

from torch._export.utils import _collect_all_valid_cia_ops
from torch.export import decomp_utils, exported_program
from torch.onnx._internal.exporter._registration import ONNXRegistry

from profundo.runs.whole_nets.onnx_graphs import OPSET, quiet

ONNXRegistry.from_torchlib = staticmethod(cache(ONNXRegistry.from_torchlib))
operations = cache(_collect_all_valid_cia_ops)
decomp_utils._collect_all_valid_cia_ops = exported_program._collect_all_valid_cia_ops = operations
with quiet():
    ONNXRegistry.from_torchlib(opset_version=OPSET)
    operations()
