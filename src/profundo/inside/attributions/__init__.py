"""Why a net answers as it does: maps of what its answer is due to, and how far to believe them."""

from profundo.inside.attributions.explaining import METHODS, Explanation, explain

__all__ = ["METHODS", "Explanation", "explain"]
