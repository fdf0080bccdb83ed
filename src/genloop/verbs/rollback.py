"""Go back to the champion before: one step, written down; saying it twice goes back and forth."""

import argparse


def declare(verb: argparse.ArgumentParser) -> None:
    """Say what may be given."""
    verb.add_argument("data", metavar="DATA", help="the data set")
    verb.add_argument("--why", default="", metavar="TEXT", help="the reason, for the log of decisions")


def work(options: argparse.Namespace) -> None:
    """Have the alias champion point to the version that previous points to, and mark the one that is left.

    Raises:
        GenloopError: there is nothing to go back to.
    """
    from genloop.actor import actor
    from genloop.tracking.promotion import roll_back

    done = roll_back(options.data, actor(), options.why)
    print(f"{done.data}: the champion is {done.after} again, {done.before} is the previous one")
