"""How stages and commands start and fail: one clear line for people, the traceback on request."""

import argparse
import os
import sys
from collections.abc import Callable

from genloop.errors import GenloopError

DEBUG = "GENLOOP_DEBUG"  # reaches stages that DVC starts: GENLOOP_DEBUG=1 dvc repro


def run_stage(stage: Callable[..., None], *arguments: str) -> None:
    """Run a stage with its arguments from the command line, then exit: 0, or 1 after a line that says what to do."""
    parser = argparse.ArgumentParser(prog=f"python -m {stage.__module__}", description=stage.__doc__)
    for argument in arguments:
        parser.add_argument(argument)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    options = vars(parser.parse_args())
    run_safely(lambda: stage(**options), debug=options.pop("debug"))


def run_safely(work: Callable[[], None], debug: bool = False) -> None:
    """Do the work; turn what people can mend into one line on standard error and exit code 1."""
    if debug or os.environ.get(DEBUG, "") not in ("", "0"):
        work()
        return
    try:
        work()
    except GenloopError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        _fail("interrupted; say the same again to go on", code=130)
    except Exception as error:  # a fault of ours, or of the machine: still one line, and the way to the traceback
        _fail(_explain(error))


def _explain(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, MemoryError) or "can't allocate memory" in text or "out of memory" in text:
        return f"out of memory ({text[:200]}); lower batch or width in params.yaml"
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return f"{type(error).__name__}: {text[:500]} (set {DEBUG}=1 for the traceback)"


def _fail(message: str, code: int = 1) -> None:
    from genloop.masking import mask_secrets  # only here: no stage depends on how a failure is told

    print(f"genloop: {mask_secrets(message)}", file=sys.stderr)
    sys.exit(code)
