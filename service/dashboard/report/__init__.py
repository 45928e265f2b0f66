"""A report: one file with a study's facts, charts and trials, that opens from a disk and asks nobody for anything."""
