"""Doors to the app: each only calls it."""
