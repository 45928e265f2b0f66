"""Training recipes and techniques, each usable alone; nothing here knows of a server."""
