"""Studies: several runs, one question: folds, curves by size, selection of a setting, comparison, races."""
