"""Images and where things are in them: boxes, and masks of each."""
