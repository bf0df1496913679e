"""A saved net as one function from raw inputs to answers: in PyTorch, as an ONNX graph, and as one of integers."""
