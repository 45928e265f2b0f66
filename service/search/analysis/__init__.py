"""What can be told of a study's trials: by Optuna's own functions where it has them, over our trials."""
