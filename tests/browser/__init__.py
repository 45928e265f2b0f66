"""The dashboard as people meet it: a real server, and Debian's own Chromium."""
