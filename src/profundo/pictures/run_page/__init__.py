"""The page of a run: what it was, how it got there, what it reached, how far to trust it."""
