"""A whole study as a file: CSV, JSON or Parquet, read page by page and sent as it is read."""
