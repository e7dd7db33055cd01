"""What must run, and why: one decision a step, from one immutable snapshot, by a fixed precedence. Pure."""
