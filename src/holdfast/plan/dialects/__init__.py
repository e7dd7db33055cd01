"""Foreign plan formats, translated at the door: what is behind it knows only the native one."""
