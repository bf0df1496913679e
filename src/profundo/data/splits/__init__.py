"""Who trains, who validates, who tests: splits, folds, subsets."""
