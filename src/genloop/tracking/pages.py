"""Decisions as people read them: a page of one in MLflow, a table of many on the terminal."""

from collections.abc import Sequence

from genloop import markdown
from genloop.errors import printable
from genloop.tracking.decision import Decision

COLUMNS = ("when (UTC)", "data", "outcome", "of", "by", "champion before", "after", "who", "why")
LONGEST = 1000  # letters of a reason


def page_of(decision: Decision, rules: Sequence[str]) -> list[str]:
    """Return a decision as lines of Markdown; ``rules`` is the table of a gate, in lines of Markdown."""
    facts = {
        "of": f"{decision.run}, weights {decision.weights}",
        "champion before": decision.before or "none",
        "champion after": decision.after or "none",
        "who": decision.who,
        "how": decision.kind,
        "why": decision.why,
    }
    rows = [(name, markdown.plain(told, LONGEST)) for name, told in facts.items()]
    return [f"# {decision.data}: {decision.outcome}", "", *markdown.table(("", ""), rows), "", *rules]


def table(found: Sequence[Decision]) -> list[str]:
    """Return decisions as lines of a table, the latest last."""
    rows = [
        (each.when, each.data, each.outcome, each.of, each.kind, each.before, each.after, each.who, each.why)
        for each in found
    ]
    return markdown.table(COLUMNS, [[printable(cell).replace("|", "\N{BROKEN BAR}") for cell in row] for row in rows])
