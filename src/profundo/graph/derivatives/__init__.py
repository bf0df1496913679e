"""Numbers, formulas and the chain rule: ways to differentiate, and to tell how it was done."""
