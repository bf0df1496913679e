"""A run while it goes on: who writes in it, how far it is, and what can be read of it at any moment."""
