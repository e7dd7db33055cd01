"""What is asked of the shop."""
