"""Studies of Optuna's own databases, read and never written to."""
