"""What recipes have in common that paint photographs in the manner of a painting: costs, and nets that paint in one pass."""
