"""A look at where objects in images are said to be."""
