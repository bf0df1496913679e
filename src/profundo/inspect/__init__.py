"""What one net does: its graph, its layers, the learning rates it bears."""
