"""Over HTTP: a trained network that answers, and the guard, the limits and the deadlines that keep a server safe."""
