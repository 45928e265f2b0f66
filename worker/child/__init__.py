"""The attempt's own process: takes its task, calls the trainer, tells how it goes and how it ended."""
