"""A plan file's bytes as plain data, with the place of every key and value."""
