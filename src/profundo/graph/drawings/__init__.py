"""Graphs and matrices for people: pictures, tables, and the formats of other programs."""
