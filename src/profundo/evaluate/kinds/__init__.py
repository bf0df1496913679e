"""What networks say of samples, and figures of answers that are masks, maps or forecasts."""
