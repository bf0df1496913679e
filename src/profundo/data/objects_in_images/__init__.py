"""Objects in images: the files that say where they are, and what is made of them."""
