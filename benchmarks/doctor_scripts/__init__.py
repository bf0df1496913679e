"""Training scripts as people write them, with and without faults, run as they are by `profundo doctor script.py CASE`."""
