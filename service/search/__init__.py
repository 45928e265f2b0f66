"""The search engine: what Optuna knows of sampling and pruning, over our own trials. Nothing else imports Optuna."""
