"""A summary.md as GitHub shows it, as a picture: python -m benchmarks.summary_page FOLDER PICTURE.png."""

import argparse
import asyncio
import re
import tempfile
from pathlib import Path

from markdown_it import MarkdownIt

from benchmarks.browser import SETTLED, browser

WIDTH = 1012  # pixels of a job summary and of a comment's page on a usual screen
# What of GitHub's own look matters here: its width, type, tables, alerts and details.
STYLE = """
body { margin: 0; background: #fff; }
main { box-sizing: border-box; width: 1012px; padding: 32px; color: #1f2328; line-height: 1.5; word-wrap: break-word;
  font: 16px "Liberation Sans", Helvetica, Arial, "DejaVu Sans", sans-serif; }
main > *, details > * { margin: 0 0 16px; }
h2 { font-size: 1.5em; margin: 24px 0 16px; padding-bottom: .3em;
  border-bottom: 1px solid #d1d9e0b3; line-height: 1.25; }
main > h2:first-child { margin-top: 0; }
h3 { font-size: 1.25em; margin: 24px 0 16px; line-height: 1.25; }
table { display: block; width: max-content; max-width: 100%; overflow: auto;
  border-spacing: 0; border-collapse: collapse; }
th, td { padding: 6px 13px; border: 1px solid #d1d9e0; }
th { font-weight: 600; }
tr:nth-child(2n) td { background: #f6f8fa; }
img { max-width: 100%; box-sizing: content-box; }
code { padding: .2em .4em; font: 85% ui-monospace, "DejaVu Sans Mono", monospace;
  background: #818b981f; border-radius: 6px; }
details summary { cursor: pointer; }
blockquote { padding: 0 1em; color: #59636e; border-left: .25em solid #d1d9e0; }
blockquote.alert { padding: 8px 16px; color: inherit; border-left-color: #cf222e; }
blockquote.alert b { display: block; margin-bottom: 8px; color: #d1242f; font-weight: 500; }
blockquote p { margin: 0; }
i.sign { font: 700 .85em "DejaVu Sans"; padding: 0 .25em; border-radius: .25em; color: #fff; }
i.dot { font: normal 1.1em "DejaVu Sans"; }
"""
# Signs that need a font of colored letters, which a machine of CI has not.
SIGNS = {"✅": ("sign", "✔", "#1f883d"), "⛔": ("sign", "—", "#cf222e"), "⏸️": ("sign", "‖", "#6e7781"),
         "🔬": ("sign", "∴", "#0969da"), "🟢": ("dot", "●", "#1f883d"), "🔴": ("dot", "●", "#cf222e"),
         "⚪": ("dot", "○", "#6e7781")}  # fmt: skip


def rendered(text: str) -> str:
    """Return the page of a Markdown text: GitHub's tables and alerts, and HTML as far as it lets it through."""
    markdown = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    body = markdown.render(text)
    body = re.sub(r"<blockquote>\s*<p>\[!CAUTION\]\s*", '<blockquote class="alert"><b>⊘ Caution</b><p>', body)
    for sign, (kind, letter, color) in SIGNS.items():
        style = f"background: {color}" if kind == "sign" else f"color: {color}"
        body = body.replace(sign, f'<i class="{kind}" style="{style}">{letter}</i>')
    return f'<!doctype html><meta charset="utf-8"><style>{STYLE}</style><main>{body}</main>'


async def photograph(folder: Path, picture: Path, opened: bool) -> None:
    """Take a picture of the whole page; ``opened``: with what is folded."""
    text = (folder / "summary.md").read_text(encoding="utf-8")
    with tempfile.NamedTemporaryFile("w", dir=folder, prefix=".summary-", suffix=".html", encoding="utf-8") as file:
        file.write(rendered(text).replace("<details>", "<details open>" if opened else "<details>"))
        file.flush()
        async with browser() as page:
            await page.size(WIDTH, 800)
            await page.send("Page.navigate", url=Path(file.name).resolve().as_uri())
            await page.until("document.readyState === 'complete' && !!document.querySelector('main')", "the summary")
            await page.size(WIDTH, int(await page.run("Math.ceil(document.querySelector('main').scrollHeight)")))
            await asyncio.sleep(SETTLED)
            await page.picture(picture)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="that of a retraining, as data/retraining")
    parser.add_argument("picture", type=Path, help="the PNG file to write")
    parser.add_argument("--opened", action="store_true", help="show also what is folded")
    options = parser.parse_args()
    asyncio.run(photograph(options.folder, options.picture, options.opened))


if __name__ == "__main__":
    main()
