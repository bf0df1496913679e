"""A look at data before anything is trained: counts, ranges, copies, what does not read, and what to do about it."""
