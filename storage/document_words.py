"""Whether a document names a customer that it is not meant for: by its file name, or in its text. Pure and bounded.

What is text is read as text, HTML with its tags apart, the office formats that are archives of XML from these, and
anything else as its plain bytes, which says little of a picture and something of a PDF.
"""

import codecs
import html
import re
import zipfile
from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import chain, islice

from storage.models import Customer
from storage.naming import is_common, normal_name

READ = 8 << 20
"""Octets of a document, or of what an archive holds, that are read."""

CHUNK = 1 << 20
OVERLAP = 400
"""Characters that are read again with the next chunk, so that no name is cut in two."""

SHORTEST = 4
"""Letters of a name that can be told from any other word."""

MEMBERS = 200
LEGAL_FORMS = frozenset("sa sas sasu sarl eurl snc sci ltd limited inc plc llc gmbh co bv nv srl".split())
_ARCHIVED = re.compile(r"(?:word|xl|ppt)/.+\.xml|content\.xml", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,2000}>")


def names_of_others(content: bytes, name: str, others: Iterable[Customer]) -> list[Customer]:
    """Which of these customers a file names, by their names or references, in the order in which they are given.

    `content` are its bytes, `name` is its file name. A name of nothing but everyday words proves nothing.
    """
    wanted, found = [(one, _shapes(one)) for one in others], set[str]()
    for words in chain([f" {normal_name(name)} "], _words_of(content)):
        found |= {one.reference for one, shapes in wanted if any(f" {shape} " in words for shape in shapes)}
    return [one for one, _ in wanted if one.reference in found]


def _shapes(customer: Customer) -> tuple[str, ...]:
    """What names a customer: its reference; its name without its legal form, if that is distinctive."""
    words = normal_name(customer.name).split()
    while len(words) > 1 and words[-1] in LEGAL_FORMS:
        words.pop()
    name = " ".join(words)
    is_name = len(name.replace(" ", "")) >= SHORTEST and not is_common(name)
    return (normal_name(customer.reference), *((name,) if is_name else ()))


def _words_of(content: bytes) -> Iterator[str]:
    """The words of a file as names are compared, in pieces; with what may be tags, and without."""
    last = ""
    for piece in _pieces(content):
        text = html.unescape(last + piece)
        yield f" {normal_name(text)} "
        if "<" in text:
            yield f" {normal_name(_TAG.sub(' ', text))} "
        last = piece[-OVERLAP:]


def _pieces(content: bytes) -> Iterator[str]:
    if content.startswith(b"PK\x03\x04"):
        yield from _archived(content)
    elif content.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = content[:READ].decode("utf-16", "ignore")
        yield from (text[start : start + CHUNK] for start in range(0, len(text), CHUNK))
    else:
        yield from _decoded(content[:READ])


def _decoded(content: bytes) -> Iterator[str]:
    """UTF-8, or what Windows writes; a piece may end inside a character."""
    utf_8 = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(content), CHUNK):
        chunk = content[start : start + CHUNK]
        try:
            yield utf_8.decode(chunk)
        except UnicodeDecodeError:
            utf_8.reset()
            yield chunk.decode("windows-1252", "ignore")


def _archived(content: bytes) -> Iterator[str]:
    """The XML of a text, a table or slides; nothing of an archive that is broken."""
    left = READ
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            for one in islice((one for one in archive.infolist() if _ARCHIVED.fullmatch(one.filename)), MEMBERS):
                with archive.open(one) as member:
                    read = member.read(left)
                left -= len(read)
                yield read.decode("utf-8", "ignore")
                if left <= 0:
                    return
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError):
        return
