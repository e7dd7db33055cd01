"""The loop around the pure core: I/O and nothing else."""
