"""Data to train on: built in without a download, or the user's own files."""
