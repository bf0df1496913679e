"""What colours grey photographs: their planes, hints, and judges of what was made."""
