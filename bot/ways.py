"""How a request reached us when it did not come by our mailbox (agreement clause 4: any channel counts)."""

from enum import StrEnum


class Way(StrEnum):
    """The word that a colleague types, and that stands in the journal."""

    LETTER = "letter"
    TELEPHONE = "telephone"
    IN_PERSON = "in-person"
    EMAIL = "e-mail"
    OTHER = "other"
