"""The append-only record and its projections."""
