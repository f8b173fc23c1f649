"""What a notice is made of, before anything is queued: what each customer is to be told, and how that was rendered."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from storage.breach_facts import BreachFacts
from storage.outbox import Words


@dataclass(frozen=True)
class Told:
    """The newest version that a customer's server has: what it said, and whether the breach was certain then."""

    version: int
    facts: BreachFacts
    confirmed: bool


@dataclass(frozen=True)
class Enclosed:
    """A document of the breach that goes with a notice; its name stands in mails only."""

    document_id: int
    name: str
    content_type: str


@dataclass(frozen=True)
class Addressee:
    """One customer, and what it is to be told.

    Its own window to notify its authority counts from `counted_from`: when its first notice was queued, or when it was
    spoken to before (`called`). `first`: nothing has been sent to it yet. `late`: it was not told in time.
    """

    affected_id: int
    customer: str
    name: str
    language: str
    address: str
    facts: BreachFacts
    counted_from: datetime
    called: bool
    first: bool
    late: bool
    added_at: datetime
    told: Told | None
    documents: tuple[Enclosed, ...]


@dataclass(frozen=True)
class Edition:
    """A version of the notice as it would go out `at` an instant. `everybody` are all customers of the breach.

    `unaddressed`: customers to whom no mail can go, because their address is none or one of ours. `noticed_at` is the
    first doubt; `notice_id` None while nothing is prepared.
    """

    at: datetime
    reference: str
    drill: bool
    version: int
    final: bool
    notice_id: int | None
    last_fact_id: int
    aware_at: datetime | None
    noticed_at: datetime | None
    deadline_at: datetime
    addressees: tuple[Addressee, ...]
    everybody: tuple[tuple[str, str], ...]
    unaddressed: tuple[str, ...]

    @property
    def seen(self) -> str:
        """What a person has seen who was shown this: changes when facts, customers, addresses or documents do."""
        shown = (self.version, self.final, self.last_fact_id, self.aware_at, self.noticed_at, self.everybody)
        whole = repr((shown, [_shown(one) for one in self.addressees]))
        return sha256(whole.encode()).hexdigest()[:16]

    def find(self, customer: str) -> Addressee | None:
        """The addressee with this reference."""
        wanted = customer.strip().upper()
        return next((one for one in self.addressees if one.customer.upper() == wanted), None)


def _shown(one: Addressee) -> tuple[object, ...]:
    return one.customer, one.name, one.language, one.address, [each.document_id for each in one.documents]


@dataclass(frozen=True)
class File:
    """A file that goes with a mail: written by us (`content`), or a document of the breach."""

    name: str
    content_type: str
    content: bytes | None = None
    document_id: int | None = None


@dataclass(frozen=True)
class Rendered:
    """One customer's notice, exactly as it would go out."""

    addressee: Addressee
    words: Words
    files: tuple[File, ...]

    def texts(self) -> Iterator[str]:
        """Everything in it that can be read: subject, text, HTML, what we wrote in files, file names."""
        yield self.words.subject
        yield self.words.text
        yield self.words.html or ""
        for file in self.files:
            yield file.name
            yield (file.content or b"").decode("utf-8", "replace")


@dataclass(frozen=True)
class Mention:
    """The notice `of` one customer seems to name another one; both by reference."""

    of: str
    names: str


@dataclass(frozen=True)
class Checked:
    """An edition whose renderings were looked through, each of them; see storage/notice_checks.py."""

    edition: Edition
    rendered: tuple[Rendered, ...]
    mentions: tuple[Mention, ...]
