"""What only the whole plan shows."""
