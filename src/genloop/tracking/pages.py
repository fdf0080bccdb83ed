"""Decisions as people read them: a page of one, a table of many."""

from collections.abc import Sequence

from genloop.tracking.decision import Decision

COLUMNS = ("when (UTC)", "data", "outcome", "of", "by", "champion before", "after", "who", "why")


def page_of(decision: Decision, table: Sequence[str]) -> list[str]:
    """Return a decision as lines of Markdown."""
    facts = {
        "outcome": decision.outcome,
        "of": f"{decision.run}, weights {decision.weights}",
        "champion before": decision.before or "none",
        "champion after": decision.after or "none",
        "who": decision.who,
        "how": decision.kind,
        "why": decision.why,
    }
    lines = [f"# {decision.data}: {decision.outcome}", "", "| | |", "|---|---|"]
    return [*lines, *(f"| {name} | {as_cell(told)} |" for name, told in facts.items()), "", *table, ""]


def as_cell(text: str) -> str:
    """Return text for a cell of a table of Markdown, which it can neither end nor turn into HTML."""
    for letter, written in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("\n", " "), ("\r", " ")):
        text = text.replace(letter, written)
    return text


def table(found: Sequence[Decision]) -> list[str]:
    """Return decisions as lines of a table of Markdown, the latest last."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    for each in found:
        of = f"{each.run}-{each.weights[:7]}"
        told = (each.when, each.data, each.outcome, of, each.kind, each.before, each.after, each.who, each.why)
        lines.append(f"| {' | '.join(map(as_cell, told))} |")
    return lines
