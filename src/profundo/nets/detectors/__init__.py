"""Nets that find objects in images: where they are, of which class, how surely; a method a file.

A detector is a module with two doors. `cost(images, targets)` are the parts whose sum is lowered in training; `forward(images)`
is what was found: boxes (batch, PLACES, 4) in pixels, classes and scores (batch, PLACES), the surest first; places that were not
needed have class −1 and score 0. object_masks.py makes records of it.
"""
