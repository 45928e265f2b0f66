"""How long tests wait for what must come: much longer than it takes, for a busy machine is not a failure."""

PATIENCE = 180.0
