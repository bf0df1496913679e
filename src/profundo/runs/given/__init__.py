"""What a person gives in Python: nets, data, losses, metrics, optimizers and schedules of their own."""
