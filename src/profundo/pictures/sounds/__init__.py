"""Sounds on pages: as files to be heard, and as pictures of what was heard in them."""
