"""The parts of the expression language; `plan.expr` is its door."""
