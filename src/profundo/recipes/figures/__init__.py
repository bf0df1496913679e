"""What is said of the figures that recipes come to: what they are, and what keeps one from trusting them."""
