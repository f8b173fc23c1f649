"""Looking through every notice before the first one is queued (pure): its own customer, and no other."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from html import unescape

from storage.breach_errors import NoticeFaulty
from storage.naming import is_common, normal_name, plain
from storage.notice_types import Addressee, Checked, Edition, Mention, Rendered
from storage.tables import ADDRESS

_TAG = re.compile(r"<[^>]*>")
Names = dict[str, list[tuple[str, str]]]
_WORD = re.compile(r"[^\W_]+")


def check_all(edition: Edition, rendered: Sequence[Rendered]) -> Checked:
    """Raises NoticeFaulty when one is not what it should be; naming another customer is for a person to look at."""
    for one in rendered:
        _refuse_faulty(edition, one)
    return Checked(edition, tuple(rendered), tuple(_mentions(edition, rendered)))


def _refuse_faulty(edition: Edition, rendered: Rendered) -> None:
    """One recipient, the breach's reference and the customer's own name in everything that it can read."""
    addressee, words = rendered.addressee, rendered.words
    written = [unescape(file.content.decode()) for file in rendered.files if file.content is not None]
    bodies = [words.text, unescape(words.html or ""), *written]
    whole = all(edition.reference in body and addressee.name in body for body in bodies)
    named = edition.reference in words.subject and "\n" not in words.subject
    if not (whole and named and written and ADDRESS.fullmatch(addressee.address)):
        raise NoticeFaulty(edition.reference, addressee.customer)


def suspect_mentions(edition: Edition) -> list[Mention]:
    """The same without rendering anything, from what was typed and the names of documents: quick enough to look at."""
    names = _index(edition)
    typed = ((one, tuple(_typed(one))) for one in edition.addressees)
    return [
        Mention(one.customer, other)
        for one, texts in typed
        for other in _find_named(texts, names, own=_compared(one.customer, one.name))
    ]


def _typed(one: Addressee) -> Iterator[str]:
    for value in vars(one.facts).values():
        if isinstance(value, str):
            yield value
    for document in one.documents:
        yield document.name


def _mentions(edition: Edition, rendered: Iterable[Rendered]) -> Iterator[Mention]:
    names = _index(edition)
    for one in rendered:
        own = _compared(one.addressee.customer, one.addressee.name)
        for other in _find_named(one.texts(), names, own=own):
            yield Mention(one.addressee.customer, other)


def _index(edition: Edition) -> Names:
    """Every customer's reference by its compared names, by their first words."""
    index: Names = defaultdict(list)
    for reference, known in edition.everybody:
        for name in _compared(reference, known):
            index[name.partition(" ")[0]].append((reference, name))
    return index


def _find_named(texts: Iterable[str], names: Names, *, own: Sequence[str]) -> list[str]:
    """The references of customers, other than our own, whose compared names stand in these texts."""
    lines = [_words(line) for text in texts for line in ("", *_body(text).splitlines())]
    known = set().union(*lines)
    likely = [one for word in names.keys() & known for one in names[word] if one[1] not in own]
    likely = [(reference, name) for reference, name in likely if known.issuperset(name.split())]
    if not likely:
        return []
    whole = _without(f" {' '.join(word for words in lines for word in words or '|')} ", own)
    return sorted({reference for reference, name in likely if f" {name} " in whole})


def _without(text: str, names: Iterable[str]) -> str:
    """A customer's own name may hold another's: "Garage du Lac" and "Garage"."""
    for name in names:
        text = text.replace(f" {name} ", " | ")
    return text


@lru_cache(4096)
def _compared(reference: str, name: str) -> tuple[str, ...]:
    """As what a customer is recognised in a text; a name made of everyday words says nothing."""
    compared = normal_name(name)
    return (normal_name(reference), *([compared] if compared and not is_common(compared) else []))


def _body(text: str) -> str:
    """Without the style sheet of a page."""
    return text.partition("</style>")[2] or text


@lru_cache(20_000)
def _words(line: str) -> tuple[str, ...]:
    """The words of a line as names are compared, without tags; most lines are alike in all notices."""
    return tuple(_WORD.findall(plain(unescape(_TAG.sub(" ", line)))))
