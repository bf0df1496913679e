"""A graph written in a simpler way: the engine, and its rules by what they are about."""

from profundo.graph.rewriting.engine import RULES, Applied, Rewriting, predictor, rewrite, rewriting

__all__ = ["RULES", "Applied", "Rewriting", "predictor", "rewrite", "rewriting"]
