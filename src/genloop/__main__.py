"""``python -m genloop <verb>``: what is done to runs beside the pipeline."""

import argparse
import gc
from importlib import import_module

from genloop.command import keep_imports, run_safely

VERBS = (
    *("sync", "compare", "sample", "fill", "export", "trace", "reproduce"),
    *("retrain", "promote", "rollback", "decisions"),
)  # the files in verbs/
RARELY = 100_000  # objects that a verb makes before garbage is looked for: most are those of its imports, which stay


def main() -> None:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(prog="python -m genloop", description=__doc__)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name in VERBS:
        module = import_module(f"genloop.verbs.{name}")
        about = str(module.__doc__).strip()
        purpose = about.partition("\n\n")[0]
        verb = verbs.add_parser(name, help=purpose[0].lower() + purpose[1:].rstrip("."), description=about)
        verb.add_argument(
            "--debug", action="store_true", default=argparse.SUPPRESS, help="show the traceback of an error"
        )
        module.declare(verb)
        verb.set_defaults(work=module.work)
    options = parser.parse_args()
    keep_imports()
    gc.set_threshold(RARELY)
    run_safely(lambda: options.work(options), debug=options.debug)


if __name__ == "__main__":
    main()
