"""The page of an image: its pixels as numbers under a grid, and a window that slides over them."""
