"""Who watches a long job: told how far it is and what the user should read, and asked whether to stop."""


class Monitor:
    """Watches a job; override what you need. This one is silent and never stops anything.

    Every long job of gsdd takes one: `gsdd.compress(..., monitor=MyMonitor())`. All calls come from the thread and the
    process that started the job.
    """

    def progress(self, stage: str, done: int, total: int, loss: float | None = None, images: float = 0.0) -> None:
        """Receive the progress of a stage.

        Args:
            stage: what is being done, such as "inversion".
            done: steps done; a resumed job starts with those of the earlier run.
            total: steps in all.
            loss: of the last step, where there is one.
            images: how many a step sends through the generator; 0 if it sends none.
        """

    def note(self, text: str) -> None:
        """Receive a line that the user should read, such as a skipped photo."""

    def should_stop(self) -> bool:
        """Say, after each step, whether to write a checkpoint and raise `gsdd.errors.Interrupted`."""
        return False


class NotingFirst(Monitor):
    """Passes all on, and a line before the first progress: a job that is refused before it begins says only why.

    Args:
        monitor: what hears it.
        line: the user should read.
    """

    def __init__(self, monitor: Monitor, line: str) -> None:
        self._monitor, self._line = monitor, line

    def progress(self, stage: str, done: int, total: int, loss: float | None = None, images: float = 0.0) -> None:
        """See `Monitor`."""
        if self._line:
            self._monitor.note(self._line)
            self._line = ""
        self._monitor.progress(stage, done, total, loss, images)

    def note(self, text: str) -> None:
        """See `Monitor`."""
        self._monitor.note(text)

    def should_stop(self) -> bool:
        """See `Monitor`."""
        return self._monitor.should_stop()


SILENT = Monitor()
