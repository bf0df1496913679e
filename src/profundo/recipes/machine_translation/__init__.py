"""What a recipe that translates texts is made of: its nets at work, and what is shown of their answers."""
