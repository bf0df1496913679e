"""What the recipes that make one image of another share: pairs, two kinds without pairs, and figures of what was made."""
