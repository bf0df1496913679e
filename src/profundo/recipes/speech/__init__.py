"""What the recipe speech-recognition is made of: its phrases, the simple method beside it, and its pictures."""
