"""The simple methods that a network is measured against: linear models, of what a kind of data gives them."""
