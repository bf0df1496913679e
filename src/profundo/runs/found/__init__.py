"""What a run finds in images: as a record of each, and as the facts of its page."""
