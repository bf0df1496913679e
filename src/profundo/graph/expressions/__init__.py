"""Computations written down before there are values: building, differentiating, compiling and reading them."""
