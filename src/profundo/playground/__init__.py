"""A net over the plane to play with: settings, a session that trains step by step, maps of every neuron, presets."""
