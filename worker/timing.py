"""How long the agent waits for what: one place, so that tests can be quick."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds, all of them."""

    first_point: float = 0.2
    """A report goes out so long after its first point: a verdict should not wait, and points come in bursts."""
    between_reports: float = 0.5
    sync: float = 5.0
    """How much of what the server has not got yet a node may lose with its power."""
    log: float = 3.0
    checkpoint: float = 60.0
    """How much training another node repeats at most when this one is lost."""
    acquire: float = 50.0
    """Under the minute after which proxies cut a connection that is silent."""
    first_step: float = 600.0
    """Up to the first point: compiling counts."""
    step: float = 120.0
    """From one point to the next, or ten times as long as a step usually takes."""
    obey: float = 10.0
    """How long a process may go on after it was told to stop, or twice as long as a step usually takes."""
    term: float = 10.0
    """From SIGTERM to SIGKILL."""
    grace: float = 25.0
    """From the first signal to the end of the worker."""
    reserve: float = 5.0
    """How much of the grace is kept for what is sent after the processes have ended."""
