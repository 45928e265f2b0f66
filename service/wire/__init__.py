"""What travels between server, workers and clients: pydantic and the standard library only."""
