"""A drill says so everywhere: in what is posted, in modals, in e-mails, on pages. One function for each of them."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from storage.breaches import is_drill
from storage.outbox import Words
from templates import DRILL_MARK

TITLE = "Exercice / Drill"
"""Of a modal: 24 characters at most."""

_NAMED = re.compile(r"DRILL-\d{4}-\d+", re.IGNORECASE)
_BODY = re.compile(r"(<body[^>]*>(?:\s*<main[^>]*>)?)", re.IGNORECASE)
_BANNER = (
    '<p class="drill" style="margin:0 0 14px;padding:10px 14px;border:3px solid #6b3fa0;background:#f3ecfb;'
    f'color:#4a2a73;font:700 16px/1.4 Arial,sans-serif">{DRILL_MARK}</p>'
)


def names_drill(text: str) -> bool:
    """Whether a text is about a drill, by the reference in it."""
    return _NAMED.search(text) is not None


def mark_text(text: str, reference: str) -> str:
    """A text, with the mark before it when the case is a drill; twice is once."""
    return text if not is_drill(reference) or DRILL_MARK in text else f"{DRILL_MARK} {text}"


def mark_html(html: str, reference: str) -> str:
    """A page or the HTML of an e-mail, with a banner on top."""
    if not is_drill(reference) or DRILL_MARK in html:
        return html
    marked, number = _BODY.subn(lambda found: f"{found[1]}{_BANNER}", html, count=1)
    return marked if number else f"{_BANNER}{html}"


def mark_words(words: Words, reference: str) -> Words:
    """An e-mail: its subject, its first line, and its HTML."""
    if not is_drill(reference):
        return words
    text = words.text if words.text.startswith(DRILL_MARK) else f"{DRILL_MARK}\n\n{words.text}"
    html = words.html and mark_html(words.html, reference)
    return replace(words, subject=mark_text(words.subject, reference), text=text, html=html)


def mark_view(view: dict[str, Any], about: str) -> dict[str, Any]:
    """A modal: its title, and what it is about as its first line."""
    if not names_drill(about):
        return view
    name = view["title"]["text"]
    first = {"type": "context", "elements": [{"type": "mrkdwn", "text": f"*{DRILL_MARK}* {name}"}]}
    title = view["title"] | {"text": TITLE}
    return view | {"title": title, "blocks": [first, *view["blocks"]]}


def mark_blocks(blocks: Sequence[dict[str, Any]], reference: str) -> tuple[dict[str, Any], ...]:
    """A message's blocks: the mark stands first, unless it is in them."""
    if not blocks or not is_drill(reference) or DRILL_MARK in str(blocks):
        return tuple(blocks)
    return ({"type": "context", "elements": [{"type": "mrkdwn", "text": f"*{DRILL_MARK}*"}]}, *blocks)


def mark_lines(text: str) -> str:
    """A list of cases: each line that names a drill says so."""
    return "\n".join(mark_sentence(line) for line in text.split("\n"))


def mark_sentence(sentence: str) -> str:
    """What is only said to one person, about whatever case it names. Added and not formatted: Markup stays Markup."""
    return sentence if not names_drill(sentence) or DRILL_MARK in sentence else DRILL_MARK + " " + sentence
