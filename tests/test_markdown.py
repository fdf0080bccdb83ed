"""Names and values from files stay text in Markdown, as a renderer shows it."""

import html
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from genloop.errors import printable
from genloop.markdown import NOTHING, code, harmless, in_html, plain, table

HOSTILE = (
    "<script>alert(1)</script>", "</details></td>", "a | b", "`code`", "**bold** _it_ ~~gone~~", "# head", "- item",
    "1. one", "__0__", "a_b _c", "> quote", "![x](https://example.invalid/x.png)", "[x](javascript:alert(1))",
    "a\n\n# b\r\nc", "&lt;b&gt; &amp;", "$x^2$", "<!-- hidden", "\\", "\\| x", "---", "===", "| a |",
    "+ plus", "2) two", "\u202eturned",
    "<https://example.invalid>",
    "[!CAUTION]", "`", "``a`b``",
)  # fmt: skip
MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def shown(page: str) -> str:
    """What a reader sees of a page."""
    return html.unescape(re.sub(r"<[^>]*>", "", MARKDOWN.render(page))).replace(NOTHING, "").strip()


@pytest.mark.parametrize("text", HOSTILE)
def test_text_stays_text(text: str) -> None:
    line = printable(" ".join(text.split()))
    assert shown(plain(text)) == line
    assert MARKDOWN.render(f"- {plain(text)}").count("<") == 4  # a list of one item, and nothing else
    cells = re.findall(r"<td>(.*)</td>", MARKDOWN.render("\n".join(table(("a", "b"), [(plain(text), "end")]))))
    assert [html.unescape(cell).replace(NOTHING, "") for cell in cells] == [line, "end"]
    assert html.unescape(in_html(text)).replace(NOTHING, "") == line
    assert "<" not in in_html(text)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=60))
def test_any_text_stays_text(text: str) -> None:
    rendered = MARKDOWN.render(f"x {plain(text)} x")
    assert re.findall(r"<[^>]*>", rendered) == ["<p>", "</p>"]
    assert shown(f"x {plain(text)} x") == " ".join(f"x {printable(' '.join(text.split()))} x".split(" ")).strip()


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=60))
def test_any_text_stays_code(text: str) -> None:
    cells = re.findall(r"<td>(.*?)</td>", MARKDOWN.render("\n".join(table(("a", "b"), [(code(text), "end")]))))
    assert len(cells) == 2
    assert re.sub(r"</?code>", "", cells[0]).count("<") == 0


@pytest.mark.parametrize(
    "call", ["@somebody", "#12", "!7", "owner/repo#3", "https://example.invalid", "www.example.invalid", "GH-4"]
)
def test_nobody_is_called_and_nothing_is_linked(call: str) -> None:
    """GitHub finds these in what was rendered, so no escape keeps them apart, but a letter that is not seen does."""
    for line in (plain(call), harmless(call), in_html(call)):
        text = html.unescape(re.sub(r"<[^>]*>", "", MARKDOWN.render(line)))
        assert call not in text
        assert call in text.replace(NOTHING, "")


def test_markdown_of_others_keeps_its_table_and_loses_what_acts() -> None:
    line = "| <img src=x> | ![y](https://e.invalid/y.png) | **0.5** | `a` | 1 < 2\n| @all |"
    told = harmless(line)
    rendered = MARKDOWN.render("\n".join([*table("abcdef", []), told]))
    assert "<img" not in rendered
    assert "<strong>0.5</strong>" in rendered
    assert "<code>a</code>" in rendered
    assert "1 &lt; 2" in rendered
    assert shown(harmless("a &#124; b &#60;c")) == "a | b <c"  # as other parts escape
    assert NOTHING in harmless("&#64;all")
    assert harmless("a\udc80") == "a?"  # can be written as UTF-8
    assert len(plain("x" * 1000)) == 300
