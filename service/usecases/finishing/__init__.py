"""The honest end of studies: how it begins, what it tells, and how single trials are reproduced."""
