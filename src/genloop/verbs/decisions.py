"""Show what was decided of the champions: when, by whom, from which to which, and why."""

import argparse


def declare(verb: argparse.ArgumentParser) -> None:
    """Say what may be given."""
    verb.add_argument("data", nargs="?", metavar="DATA", help="only this data set; otherwise all of them")


def work(options: argparse.Namespace) -> None:
    """Print the log as a table of Markdown; what a killed process has left undone is carried out before."""
    from genloop.tracking.pages import table
    from genloop.tracking.promotion import complete_unfinished, decisions, known_data

    names = [options.data] if options.data else known_data()
    for name in names:
        rest = complete_unfinished(name)
        if rest:
            print(f"{name}: carried out what was left of '{rest.outcome}' of {rest.when}")
    found = [decision for name in names for decision in decisions(name)]
    print("\n".join(table(found)) if found else "Nothing was decided yet.")
