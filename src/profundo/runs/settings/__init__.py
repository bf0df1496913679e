"""What settings may hold, how they are read, and what is chosen where they are left open."""
