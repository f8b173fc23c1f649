"""The words of the record, as Python sees them; in SQL they are their text."""

from dataclasses import dataclass
from enum import StrEnum

BY_MAIL = "by-mail"
"""A recipient that means dpo and escalation addresses: nobody posts it, the bot gathers it into few letters."""


class Kind(StrEnum):
    """What a letter is; only a REQUEST or a FOLLOW_UP is ever forwarded automatically."""

    REQUEST = "request"
    FOLLOW_UP = "follow_up"
    AUTHORITY = "authority"
    CONTROLLER = "controller"
    NOT_REQUEST = "not_request"


class Right(StrEnum):
    """The data subject's rights, GDPR articles 7(3) and 15 to 22."""

    ACCESS = "access"
    RECTIFICATION = "rectification"
    ERASURE = "erasure"
    RESTRICTION = "restriction"
    PORTABILITY = "portability"
    OBJECTION = "objection"
    AUTOMATED_DECISION = "automated_decision"
    WITHDRAW_CONSENT = "withdraw_consent"


class Hold(StrEnum):
    """Why a request waits for a person instead of going to a customer by itself."""

    NO_EVIDENCE = "no_evidence"
    SEVERAL_CUSTOMERS = "several_customers"
    CONTRACT_ENDED = "contract_ended"
    AUTOMATIC_MAIL = "automatic_mail"
    JUNK = "junk"
    UNREADABLE = "unreadable"
    AUTOMATIC_FORWARDING_OFF = "automatic_forwarding_off"
    OWN_MAIL = "own_mail"
    TOO_MANY = "too_many"
    STRANGER = "stranger"
    COLLEAGUE = "colleague"
    AUTHORITY = "authority"
    CONTROLLER = "controller"
    POSSIBLE_BREACH = "possible_breach"
    NOT_A_REQUEST = "not_a_request"
    DISGUISED = "disguised"
    WRITERS_OWN = "writers_own"


class KeyKind(StrEnum):
    """By what a customer can be recognised."""

    INTAKE_ALIAS = "intake-alias"
    DOMAIN = "domain"
    TELEPHONE = "telephone"
    SMS_SENDER = "sms-sender"
    NAME = "name"


class Role(StrEnum):
    """What a member of staff may do: a viewer looks, a handler decides, the dpo also manages."""

    VIEWER = "viewer"
    HANDLER = "handler"
    DPO = "dpo"


class Medium(StrEnum):
    """By what a delivery travels."""

    EMAIL = "e-mail"
    SLACK = "slack"


class Purpose(StrEnum):
    """What a delivery is for."""

    FORWARD = "forward"
    FOLLOW_UP = "follow-up"
    ACKNOWLEDGEMENT = "acknowledgement"
    ORIGINAL = "original"
    ALERT = "alert"
    CARD = "card"
    ANNOUNCEMENT = "announcement"
    REMINDER = "reminder"
    QUESTION = "question"
    CLOSING = "closing"
    DELETION = "deletion"
    CONFIRMATION = "confirmation"
    DIGEST = "digest"
    NOTICE = "notice"
    PREVIEW = "preview"
    CALL_SHEET = "call-sheet"
    EVIDENCE = "evidence"


class Channel(StrEnum):
    """How a request reached us; any channel counts (agreement clause 4)."""

    MAIL = "mail"
    COLLEAGUE = "colleague"
    RECORDED = "recorded"


class Correspondence(StrEnum):
    """What a further mail of a case is."""

    FOLLOW_UP = "follow-up"
    COPY = "copy"
    REPLY = "reply"
    REPORT = "report"
    AUTOMATIC = "automatic"
    COVERING = "covering"
    DOCUMENTS = "documents"


class Said(StrEnum):
    """What a customer's reply to a forward means; in doubt OTHER, which a person reads."""

    NOT_OURS = "not-ours"
    HELP = "help"
    INSTRUCTION = "instruction"
    ANSWER = "answer"
    RECEIVED = "received"
    OUT_OF_OFFICE = "out-of-office"
    OTHER = "other"


class TaskKind(StrEnum):
    """What a colleague must do about a case."""

    HELP = "help"
    MISROUTED = "misrouted"
    INSTRUCTION = "instruction"
    FOR_PERSON = "for-person"
    READ = "read"
    AUTHORITY = "authority"
    CONTROLLER = "controller"
    OWN = "own"


class Means(StrEnum):
    """How a customer was told of a breach (agreement clause 6: "any appropriate means")."""

    EMAIL = "e-mail"
    TELEPHONE = "telephone"
    IN_PERSON = "in-person"
    REGISTERED_LETTER = "registered-letter"
    PORTAL = "portal"


SPOKEN = frozenset({Means.TELEPHONE, Means.IN_PERSON})
"""What reaches a person and leaves nothing in writing: the documents are still owed."""


SHELL = "shell"
"""From where a person at a command line acts, and how the names of such actors begin ("shell: boris.petit")."""


@dataclass(frozen=True)
class Actor:
    """Who does something, and from where: a Slack user id, a shell account, or the desk itself."""

    name: str
    origin: str


def typist_of(name: str) -> tuple[str, str] | None:
    """The account in the name of an actor at a shell, and the Slack user id that it claims or ""; None for others."""
    prefix, _, typist = name.partition(f"{SHELL}: ")
    account, _, claims = typist.partition(" as ")
    return (account, claims) if account and not prefix else None


DESK = Actor("desk", "desk")
CLOCK = Actor("desk", "clock")
"""The ticks, which ring what has fallen due."""
