"""What keeps a worker from starting or going on, in words, with what to do and the exit code."""

FAILED = 1
MISUSED = 2


class WorkerProblem(Exception):
    """Shown instead of a traceback: what is wrong, and what to do about it."""

    def __init__(self, message: str, *, hint: str | None = None, exit_code: int = MISUSED) -> None:
        super().__init__(message)
        self.hint = hint
        self.exit_code = exit_code
