"""Recipes: complete experiments as functions; the only place that joins rooms."""
