"""Stand-ins for what a test cannot wait for, each of which keeps the contract of the real thing."""
