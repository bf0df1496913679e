"""Images with a class or a number for each pixel, looked at and drawn."""
