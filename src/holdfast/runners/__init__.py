"""What does a step's work."""
