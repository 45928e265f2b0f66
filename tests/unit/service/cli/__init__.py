"""Unit tests of the command line: against a server in memory, without sockets."""
