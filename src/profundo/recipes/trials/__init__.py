"""Learning by trial: tasks that answer actions with rewards, and the rules by which nets learn from them."""
