"""The recipes: one method a file. Each states its paper, its data and its measured result in its first lines."""
