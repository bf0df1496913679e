"""A graph written in a simpler way: the engine, and its rules by what they are about."""
