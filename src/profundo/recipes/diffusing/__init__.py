"""What diffusion is made of beside its net and its formulas: images drawn out of noise, and what their description costs."""
