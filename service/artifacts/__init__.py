"""Where the bytes of checkpoints are kept: a folder of this machine, or any place that fsspec reaches."""
