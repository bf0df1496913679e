"""What recipes share whose nets write: passages that go on from a prompt, and conversations."""
