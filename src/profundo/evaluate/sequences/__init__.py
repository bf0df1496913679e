"""What sequences cost: text by the symbol, sound by the sample, and the simple models beside a net."""
