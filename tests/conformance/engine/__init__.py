"""What holds a search engine to Optuna: the same seeds must give the same points and the same verdicts."""
