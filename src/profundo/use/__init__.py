"""What a run is good for once it is trained: predictions, export, the model card."""
