"""HTML to the words a person would see.

Not `html.parser`: on hostile marks it takes minutes for 256 KB (quadratic in Python 3.11.7 for `<a b="` repeated).
This reads every character a bounded number of times.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape

HTML_LIMIT = 1_000_000
_TAG_WINDOW = 1_024

_NAME = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:-]*+)")
_TAG = re.compile(r"""<[^>"']*+(?:(?:"[^"]*+"|'[^']*+')[^>"']*+)*+>""")
_QUOTED = re.compile(r""""[^"]*+"|'[^']*+'""")
_HIDING_STYLE = re.compile(
    r"display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden|mso-hide\s{0,9}:\s{0,9}all|"
    r"(?:font-size|opacity|max-height)\s{0,9}:\s{0,9}0(?:\.0+)?(?:px|pt|em|rem|%)?\s{0,9}[;!\"']",
    re.IGNORECASE,
)
_HIDING_ATTRIBUTE = re.compile(r"\shidden(?=[\s>/=])", re.IGNORECASE)
_WORD = re.compile(r"\w{2}")
_SPACES = re.compile(r"[ \t\r\n\f]+")

_UNSEEN = frozenset("head script style template title noscript object svg math select textarea".split())
_RAW = {name: re.compile(f"</{name}", re.IGNORECASE) for name in ("script", "style", "textarea", "title")}
_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_CLOSES_ITSELF = frozenset("p li td th tr option dt dd".split())
_BLOCK = frozenset(
    "address article aside blockquote br center dd div dl dt fieldset footer form h1 h2 h3 h4 h5 h6 header hr li main "
    "nav ol p pre section table tr ul".split()
)


@dataclass(frozen=True)
class Seen:
    """The words of an HTML part; `hidden`: it also holds words that nobody sees."""

    text: str
    hidden: bool


@dataclass
class _Page:
    lines: list[str] = field(default_factory=list)
    line: list[str] = field(default_factory=list)
    quoted: int = 0
    unseen: str = ""
    depth: int = 0
    hiding: bool = False
    hidden: bool = False


def read_html(html: str) -> Seen:
    """The words of an HTML text, a quotation's lines marked with `>`. Never raises, linear in its length."""
    page = _Page()
    for tag, words in _scan(html[:HTML_LIMIT]):
        if tag:
            _enter(page, tag)
        elif page.unseen:
            page.hidden = page.hidden or (page.hiding and bool(_WORD.search(unescape(words))))
        else:
            page.line.append(unescape(words))
    _end_line(page)
    return Seen("\n".join(page.lines).strip("\n"), page.hidden)


def _scan(html: str) -> Iterator[tuple[str, str]]:
    """Tags and words in turn: (tag, "") or ("", words). An unclosed comment or tag swallows the rest."""
    position = 0
    while (start := html.find("<", position)) >= 0:
        if start > position:
            yield "", html[position:start]
        name = _NAME.match(html, start)
        if name is None and html[start + 1 : start + 2] not in ("!", "?", "/"):
            yield "", "<"
            position = start + 1
            continue
        end = _end_of(html, start)
        if end < 0:
            return
        if name:
            yield html[start:end], ""
        position = _after_raw(html, end, name)
        if position < 0:
            return
    yield "", html[position:]


def _end_of(html: str, start: int) -> int:
    if html.startswith("<!--", start):
        found = html.find("-->", start + 2)
        return found + 3 if found >= 0 else -1
    if tag := _TAG.match(html, start, start + _TAG_WINDOW):
        return tag.end()
    return html.find(">", start) + 1 or -1


def _after_raw(html: str, end: int, name: re.Match[str] | None) -> int:
    """Where reading goes on: after the content of a script, which is no markup."""
    raw = _RAW.get(name[2].lower()) if name and not name[1] else None
    if raw is None:
        return end
    found = raw.search(html, end)
    return found.start() if found else -1


def _enter(page: _Page, tag: str) -> None:
    name = _NAME.match(tag)
    if name is None:
        return
    closing, element = bool(name[1]), name[2].lower()
    if page.unseen and not _leaves_unseen(page, element, closing=closing):
        return
    if not closing and element not in _VOID and (element in _UNSEEN or _is_hiding(tag)):
        page.unseen, page.depth, page.hiding = element, 1, element not in _UNSEEN
    if element in _BLOCK:
        _end_line(page)
    elif element in {"td", "th"}:
        page.line.append(" ")
    if element == "blockquote":
        page.quoted = max(0, page.quoted + (-1 if closing else 1))


def _leaves_unseen(page: _Page, element: str, *, closing: bool) -> bool:
    """Whether this tag ends the element that is not seen."""
    if element == page.unseen:
        page.depth += -1 if closing or element in _CLOSES_ITSELF else 1
    elif element == "body":
        page.depth = 0
    if page.depth > 0:
        return False
    page.unseen = ""
    return True


def _is_hiding(tag: str) -> bool:
    if "hidden" in tag and _HIDING_ATTRIBUTE.search(_QUOTED.sub('""', tag)):
        return True
    return "style" in tag.lower() and bool(_HIDING_STYLE.search(tag))


def _end_line(page: _Page) -> None:
    line = _SPACES.sub(" ", "".join(page.line)).strip()
    page.line.clear()
    if line:
        page.lines.append("> " * min(page.quoted, 3) + line)
    elif page.lines and page.lines[-1]:
        page.lines.append("")
