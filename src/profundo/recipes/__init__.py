"""Recipes: methods of deep learning as complete experiments, a file each in zoo/, and the context they run in."""
