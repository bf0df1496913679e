"""Sound: WAV files as log-mel spectrograms, and spoken words."""
