"""What DVC and its stages say while they run."""

import re

RUNNING = re.compile(r"^Running stage '(.+)':")
SERVED = re.compile(r"^Stage '(.+)' is cached - skipping run")
FAULT = re.compile(r"^genloop: (.+)")  # what a stage says when it fails
FAILED = re.compile(r"^ERROR: failed to reproduce '(.+?)': (.+)")


class Heard:
    """What DVC and its stages say: shown as it comes, and kept as far as it tells what happened."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.ran: list[str] = []  # stages
        self.served: list[str] = []
        self.faults: dict[str, str] = {}  # by stage, its last word
        self.last = ""

    def __call__(self, line: str) -> None:
        """Take a line."""
        print(line, end="", flush=True)
        self.last = line.strip() or self.last
        if found := RUNNING.search(line):
            self.ran.append(found[1])
        elif found := SERVED.search(line):
            self.served.append(found[1])
        elif found := FAULT.search(line):
            self.faults[self.ran[-1] if self.ran else ""] = found[1]
        elif found := FAILED.search(line):
            self.faults.setdefault(found[1], found[2])
