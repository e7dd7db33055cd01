"""What should happen: frozen values, no I/O."""
