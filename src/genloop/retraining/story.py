"""What a retraining did -> ``summary.md`` with pictures, as GitHub and GitLab show it, and ``outcome.json``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from genloop.illustrations import Illustration
from genloop.markdown import code, harmless, in_html, plain, table
from genloop.outputs import replace_folder, write_json, write_text
from genloop.retraining.gallery import Gallery
from genloop.workspace import check_replaceable

PAGE, OUTCOME, PICTURES = "summary.md", "outcome.json", "pictures"
LARGEST = 900_000  # bytes of the page: GitHub shows a mebibyte
ROOM_TO_TELL = 200  # bytes for saying what is left out of a part
SIGNS = {"promoted": "✅", "kept": "⏸️", "refused": "⛔", "nothing new": "✅", "gave way": "⏸️", "smoke": "🔬"}
BAD = "⛔"  # of all else: a broken delivery, a fault
HEADS = {  # of outcomes without a decision
    "nothing new": "Nothing new: nothing was trained",
    "broken delivery": "A delivery is broken: nothing was trained on it",
    "gave way": "Gave way to another retraining",
    "smoke": "Smoke training",
}


@dataclass(frozen=True)
class Arrival:
    """New data of a data set, as they were checked."""

    data: str
    lines: Sequence[str]  # Markdown
    broken: bool


@dataclass(frozen=True)
class Decided:
    """What the gate said of a data set."""

    data: str
    outcome: str
    why: str
    table: Sequence[str]  # Markdown: its rules
    before: str  # the champion by its label; nothing where there was none
    after: str


@dataclass(frozen=True)
class Story:
    """All that a summary tells. Markdown may hold names from files: what could act in it is made harmless."""

    outcome: str
    base: str = ""  # commits, short
    head: str = ""
    changed: Mapping[str, str] = field(default_factory=dict)  # why a run or data set is made anew
    trained: Sequence[str] = ()
    cached: Sequence[str] = ()  # taken from DVC's cache
    deliveries: Sequence[Arrival] = ()
    decisions: Sequence[Decided] = ()
    scores: Sequence[str] = ()  # Markdown
    pictures: Mapping[str, Sequence[Illustration]] = field(default_factory=dict)  # by run
    notes: Sequence[str] = ()
    faults: Sequence[str] = ()


@dataclass(frozen=True)
class Part:
    """A part of the page: of a long one lines of the body are left out."""

    body: Sequence[str]
    head: Sequence[str] = ()
    foot: Sequence[str] = ()


def write_story(out: Path, story: Story) -> None:
    """Write the summary of a retraining into a folder; what else lies there stays.

    Raises:
        GenloopError: the folder has pictures that are not of a retraining, which would be lost.
    """
    if not (out / OUTCOME).exists():
        check_replaceable(out / PICTURES, OUTCOME, "pictures of a retraining")
    out.mkdir(parents=True, exist_ok=True)
    with replace_folder(out / PICTURES) as folder:
        gallery = Gallery(folder, PICTURES)
        shown = {name: gallery.lines(name, pictures) for name, pictures in story.pictures.items()}
    write_text(out / PAGE, page(story, shown))
    decided = {decision.data: decision.outcome for decision in story.decisions}
    write_json(out / OUTCOME, {"outcome": story.outcome, "data": decided})


def page(story: Story, pictures: Mapping[str, Sequence[str]]) -> str:
    """Return the page; ``pictures`` are the Markdown lines that show those of each run."""
    parts = [Part(_top(story)), *_alerts(story.faults)]
    parts += [_delivery(arrival) for arrival in story.deliveries if arrival.broken]
    for decision in story.decisions:
        title = f"{_sign(decision.outcome)} The gate of {plain(decision.data)}: {plain(decision.outcome)}"
        parts.append(Part(_harmless(decision.table), (f"### {title}", "")))
    if story.scores:
        parts.append(Part(_harmless(story.scores), ("### Scores", "")))
    for number, (name, lines) in enumerate(pictures.items()):
        parts.append(Part(lines, (*(("### Pictures", "") * (not number)), f"**{plain(name)}**", "")))
    parts += [_folded("What was made anew, and why", _changes(story))] * bool(story.changed)
    parts += [_delivery(arrival) for arrival in story.deliveries if not arrival.broken]
    parts += [_folded("Notes", [f"- {plain(note)}" for note in story.notes])] * bool(story.notes)
    return fit(parts, LARGEST)


def fit(parts: Sequence[Part], largest: int) -> str:
    """Return all parts, one after the other; what does not fit is left out, from its end, and that is said."""
    texts, room = list[str](), largest
    for part in parts:
        kept, lines = list(part.body), _joined(part, part.body)
        if _size(lines) > room:
            fixed = _size(_joined(part, [])) + ROOM_TO_TELL
            while kept and _size("\n".join(kept)) + fixed > room:
                kept = kept[: len(kept) * 9 // 10]
            left = len(part.body) - len(kept)
            lines = _joined(part, [*kept, "", f"*{left:,} lines are left out here, for the page would be too long.*"])
        if _size(lines) <= room:
            texts.append(lines)
            room -= _size(lines)
    return "".join(texts)


def _joined(part: Part, body: Sequence[str]) -> str:
    return "\n".join([*part.head, *body, *part.foot, "", ""])


def _size(text: str) -> int:
    return len(text.encode())


def _top(story: Story) -> list[str]:
    """Return the headline, and in a few lines what it stands for."""
    lines = [f"## {_headline(story)}", ""]
    for decision in story.decisions:
        lines += [_sentence(decision), ""]
    told = [f"{word} {code(commit)}" for word, commit in (("base", story.base), ("head", story.head)) if commit]
    told += [f"trained: {_listed(story.trained)}"] * bool(story.trained)
    told += [f"from DVC's cache: {_listed(story.cached)}"] * bool(story.cached)
    return [*lines, " · ".join(told)]


def _headline(story: Story) -> str:
    if story.decisions:
        return " · ".join(f"{_sign(one.outcome)} {plain(one.data)}: {plain(one.outcome)}" for one in story.decisions)
    head = HEADS.get(story.outcome, plain(story.outcome[:1].upper() + story.outcome[1:]))
    broken = [arrival.data for arrival in story.deliveries if arrival.broken]
    about = broken if story.outcome == "broken delivery" else list(story.pictures) if story.outcome == "smoke" else []
    sign = BAD if story.outcome == "smoke" and story.faults else _sign(story.outcome)
    return f"{sign} {head}{f' ({_listed(about)})' if about else ''}"


def _sign(outcome: str) -> str:
    return SIGNS.get(outcome, BAD)


def _sentence(decision: Decided) -> str:
    """Return who is champion now, and why."""
    before, after, data = code(decision.before), code(decision.after), plain(decision.data)
    if decision.outcome == "promoted":
        told = f"{after} is the champion of {data} now" + (f", in place of {before}" if before else ", its first one")
    else:
        told = f"{before} stays the champion of {data}" if before else f"{data} has no champion yet"
    return f"{told}: {plain(decision.why.rstrip('.'))}." if decision.why else f"{told}."


def _alerts(faults: Sequence[str]) -> list[Part]:
    return [Part([f"> {plain(fault, 1500)}  " for fault in faults], ("> [!CAUTION]",))] if faults else []


def _delivery(arrival: Arrival) -> Part:
    body = _harmless(arrival.lines)
    if arrival.broken:
        return Part(body, (f"### {BAD} The delivery of {plain(arrival.data)} is broken", ""))
    return _folded(f"New data: {arrival.data}", body)


def _changes(story: Story) -> list[str]:
    how = dict.fromkeys(story.cached, "taken from DVC's cache") | dict.fromkeys(story.trained, "trained")
    rows = [(plain(name), plain(why), how.get(name, "")) for name, why in story.changed.items()]
    return (
        table(("what", "why", "how"), rows)
        if how.keys() & story.changed
        else table(("what", "why"), [row[:2] for row in rows])
    )


def _folded(title: str, body: Sequence[str]) -> Part:
    return Part(body, ("<details>", f"<summary>{in_html(title)}</summary>", ""), ("", "</details>"))


def _harmless(lines: Sequence[str]) -> list[str]:
    return [harmless(line) for line in lines]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(plain, names))
