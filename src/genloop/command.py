"""How stages and commands start and fail: one clear line for people, the traceback on request."""

import argparse
import atexit
import gc
import os
import signal
import sys
from collections.abc import Callable

from genloop.errors import GenloopError, Interrupted, Terminated
from genloop.faults import explain_fault

PARENT = os.getppid()  # of this process when it began: asked before anything that takes long is imported
DEBUG = "GENLOOP_DEBUG"  # reaches stages that DVC starts: GENLOOP_DEBUG=1 dvc repro


def run_stage(stage: Callable[..., None], *arguments: str) -> None:
    """Run a stage with its arguments from the command line, then exit: 0, or 1 after a line that says what to do."""
    parser = argparse.ArgumentParser(prog=f"python -m {stage.__module__}", description=stage.__doc__)
    for argument in arguments:
        parser.add_argument(argument)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    options = vars(parser.parse_args())
    keep_imports()
    run_safely(lambda: stage(**options), debug=options.pop("debug"))


def keep_imports() -> None:
    """Spare the garbage collector what is imported: it stays to the end, where looking through it takes a second."""
    gc.freeze()
    gc.enable()
    atexit.register(gc.freeze)


def run_safely(work: Callable[[], None], debug: bool = False) -> None:
    """Do the work; turn what people can mend into one line on standard error and an exit code that is not 0."""
    signal.signal(signal.SIGTERM, _terminate)
    if debug or os.environ.get(DEBUG, "") not in ("", "0"):
        work()
        return
    try:
        work()
        sys.stdout.flush()
    except Interrupted as error:
        _fail(str(error), error.code)
    except GenloopError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        _fail("interrupted; say the same again to go on", code=130)
    except Terminated:
        _fail("terminated; say the same again to go on", code=143)
    except BrokenPipeError:  # whoever read what is printed has seen enough, as head does
        _close_output()
        sys.exit(141)
    except Exception as error:  # a fault of ours, or of the machine: still one line, and the way to the traceback
        _fail(_explain(error))


def _terminate(number: int, frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a second time ends it at once
    raise Terminated


def _explain(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, MemoryError) or "can't allocate memory" in text or "out of memory" in text:
        return f"out of memory ({text[:200]}); lower batch or width in params.yaml"
    if fault := explain_fault(error):
        return fault
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return f"{type(error).__name__}: {text[:500]} (set {DEBUG}=1 for the traceback)"


def _fail(message: str, code: int = 1) -> None:
    from genloop.masking import mask_secrets  # only here: no stage depends on how a failure is told

    print(f"genloop: {mask_secrets(message)}", file=sys.stderr)
    _close_output()
    sys.exit(code)


def _close_output() -> None:
    """Print what is left; where nobody takes it, let Python not try again when it ends, and complain."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
