"""Data with a name: what scikit-learn brings, what is fetched, what is generated."""
