"""What networks say of samples, and figures of answers that are masks or maps."""
