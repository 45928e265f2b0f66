"""The agent of a worker before a server over real sockets, with processes that follow a script."""
