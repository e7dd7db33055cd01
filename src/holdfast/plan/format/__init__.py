"""The plan format as one table: what each key takes, and what is said when it does not fit."""
