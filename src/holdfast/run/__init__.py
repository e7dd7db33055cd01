"""What has happened and what follows: pure functions."""
