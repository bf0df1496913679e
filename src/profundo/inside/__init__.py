"""What a net has learned: units, attributions, codes, surfaces. Arrays and records, never pictures."""
