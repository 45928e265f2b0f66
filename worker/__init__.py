"""The agent that runs on GPU nodes: leases trials from a server, trains them in child processes, reports back."""
