"""What a program of PyTorch really computes: recorded, differentiated, measured."""
