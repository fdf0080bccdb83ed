"""Make a recorded run the champion of its data set by hand, without a gate; it is written down as such."""

import argparse


def declare(verb: argparse.ArgumentParser) -> None:
    """Say what may be given."""
    verb.add_argument("run", metavar="RUN", help="a run of the workspace, an MLflow run, or NAME@REVISION")
    verb.add_argument("--why", default="", metavar="TEXT", help="the reason, for the log of decisions")


def work(options: argparse.Namespace) -> None:
    """Find the run, and have the alias champion point to its weights.

    Raises:
        GenloopError: there is no such run, or MLflow has not recorded it.
    """
    from genloop.actor import actor
    from genloop.references.weights import find_weights
    from genloop.tracking.promotion import promote_by_hand

    name, weights = find_weights(options.run)
    done = promote_by_hand(name, weights, actor(), options.why)
    if done is None:
        print(f"{name}: is the champion already, weights {weights[:7]}")
    else:
        print(f"{done.data}: the champion is {done.after}, before it was {done.before or 'none'}")
