"""The HTTP edge in process: no sockets, the store in memory."""
