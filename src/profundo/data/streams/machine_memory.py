"""How much memory this machine has."""

from __future__ import annotations

import os

__all__ = ["memory"]

USUAL = 16 << 30  # bytes, where the system does not say


def memory() -> int:
    """In bytes, of which other programs may use some."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return USUAL
