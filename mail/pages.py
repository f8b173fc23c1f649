"""A page of ours as blocks of words (pure).

The PDF is set from the very page that was approved: nothing can stand in one and be missing in the other.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise

_BLANKS = re.compile(r"[ \t\n\r\f]+")
"""What HTML collapses; a non-breaking space stays."""

_HEAD = frozenset({"html", "head", "meta", "title", "style", "body", "main", "br"})
_GROUPS = frozenset({"ul", "ol", "table", "tr"})
_BLOCKS = frozenset({"p", "h1", "h2", "h3", "li", "td"})
_INLINE = frozenset({"strong", "em"})
_UNSEEN = frozenset({"title", "style"})


class NotAPage(Exception):
    """It holds what this cannot read: it goes as it is, so that nothing is left out. The message names a tag."""


@dataclass
class Span:
    """Words in one style; "\\n" alone is a line break."""

    text: str
    strong: bool
    emph: bool


@dataclass
class Block:
    """A paragraph or heading (`spans`), or a list or table (`rows` of cells of spans); `role` is its class, if any."""

    kind: str
    role: str
    spans: list[Span] = field(default_factory=list)
    rows: list[list[list[Span]]] = field(default_factory=list)


@dataclass(frozen=True)
class Page:
    """A page of ours: its language, its title, and what stands on it, in order."""

    language: str
    title: str
    blocks: Sequence[Block]


def read_page(html: str) -> Page:
    """Raises NotAPage."""
    reading = _Reading()
    reading.feed(html)
    reading.close()
    title = _BLANKS.sub(" ", "".join(reading.title)).strip()
    if not (title and reading.language and reading.blocks):
        raise NotAPage("title" if not title else "html")
    return Page(reading.language, title, reading.blocks)


class _Reading(HTMLParser):
    """Reads the tags that our templates use, and no others."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.language, self.title, self.blocks = "", list[str](), list[Block]()
        self._open: list[str] = []
        self._spans: list[Span] | None = None
        self._keeps_lines = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if tag == "html":
            self.language = known.get("lang") or ""
        elif tag == "br":
            self._add("\n")
        elif tag not in _HEAD | _GROUPS | _BLOCKS | _INLINE:
            raise NotAPage(tag)
        if tag in _BLOCKS | _GROUPS:
            self._begin(tag, known)
        if tag not in {"br", "meta"}:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            raise NotAPage(tag)
        if tag in _BLOCKS and self._spans is not None:
            _trim(self._spans)
            self._spans = None

    def handle_data(self, data: str) -> None:
        if "title" in self._open:
            self.title.append(data)
        elif self._spans is not None:
            lines = re.split(r"\r\n|\r|\n", data) if self._keeps_lines else [data]
            for number, line in enumerate(lines):
                self._add(*(["\n"] if number else []), _BLANKS.sub(" ", line))
        elif data.strip() and not _UNSEEN & set(self._open):
            raise NotAPage(self._open[-1] if self._open else "text")

    def _begin(self, tag: str, known: dict[str, str | None]) -> None:
        if self._spans is not None:
            raise NotAPage(tag)  # a block within a block
        self._keeps_lines = "pre-line" in (known.get("style") or "")
        if tag in {"li", "td"}:
            self._begin_cell(tag)
        elif tag == "tr":
            self._group(tag, {"table"}).rows.append([])
        else:
            block = Block(tag, known.get("class") or "")
            self.blocks.append(block)
            self._spans = block.spans if tag in _BLOCKS else None

    def _begin_cell(self, tag: str) -> None:
        rows = self._group(tag, {"tr"} if tag == "td" else {"ul", "ol"}).rows
        if tag == "li":
            rows.append([])
        self._spans = list[Span]()
        rows[-1].append(self._spans)

    def _group(self, tag: str, within: set[str]) -> Block:
        if not self._open or self._open[-1] not in within:
            raise NotAPage(tag)
        return self.blocks[-1]

    def _add(self, *texts: str) -> None:
        if self._spans is None:
            raise NotAPage("br")
        for text in texts:
            after_blank = not self._spans or self._spans[-1].text.endswith((" ", "\n"))
            if said := text.removeprefix(" ") if after_blank else text:
                self._spans.append(Span(said, "strong" in self._open, "em" in self._open))


def _trim(spans: list[Span]) -> None:
    """No blanks before a break or at the end, and no breaks at the end."""
    for before, after in pairwise(spans):
        if after.text == "\n":
            before.text = before.text.rstrip(" ")
    while spans and not spans[-1].text.strip(" \n"):
        spans.pop()
    if spans:
        spans[-1].text = spans[-1].text.rstrip(" ")
