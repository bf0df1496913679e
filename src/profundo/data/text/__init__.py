"""Text as characters and words, and sequences of different lengths in one batch."""
