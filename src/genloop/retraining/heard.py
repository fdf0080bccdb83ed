"""What DVC and its stages say while they run."""

import re

RUNNING = re.compile(r"^Running stage '(.+)':")
SERVED = re.compile(r"^Stage '(.+)' is cached - skipping run")
FAULT = re.compile(r"^genloop: (.+)")  # what a stage says when it fails
FAILED = re.compile(r"^(?:WARNING|ERROR: failed to reproduce '.+?'): (failed to run: .+)")  # of one that said nothing
ERROR = "ERROR: "
TRAIN = "train@"  # how the addresses of trainings begin
BUSY = re.compile(r"is busy, it is being blocked by|Unable to acquire lock")  # another DVC is at work
# What DVC advises to do with a checkout, which a worktree that will be gone does not need.
HINT = re.compile(r"^(To track the changes|\tgit add|To enable auto staging|\tdvc config|Use `dvc push`|\s*$)")


class Heard:
    """What DVC and its stages say: shown as it comes, and kept as far as it tells what happened."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.ran: list[str] = []  # stages
        self.served: list[str] = []
        self.faults: dict[str, str] = {}  # by stage, its last word
        self.last = ""  # line, or error of DVC

    @property
    def trained(self) -> list[str]:
        """The runs that were trained."""
        return _trained(self.ran)

    @property
    def cached(self) -> list[str]:
        """The runs whose weights DVC had."""
        return _trained(self.served)

    def __call__(self, line: str) -> None:
        """Take a line."""
        if not HINT.search(line):
            print(line, end="", flush=True)
        if not self.last.startswith(ERROR) or line.startswith(ERROR):
            self.last = line.strip() or self.last
        if found := RUNNING.search(line):
            self.ran.append(found[1])
        elif found := SERVED.search(line):
            self.served.append(found[1])
        elif found := FAULT.search(line):
            self.faults[self.ran[-1] if self.ran else ""] = found[1]
        elif found := FAILED.search(line):
            self.faults.setdefault(self.ran[-1] if self.ran else "", found[1])


def _trained(stages: list[str]) -> list[str]:
    return [stage.removeprefix(TRAIN) for stage in stages if stage.startswith(TRAIN)]
