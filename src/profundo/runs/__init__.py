"""Runs: an experiment becomes a trained network in a folder that is kept, resumed and reported. Start with supervised.py."""
