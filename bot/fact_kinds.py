"""What each field of a breach's record takes, for the form in Slack and for the shell (pure)."""

from enum import StrEnum

from storage.breach_types import Cause, DataKind, FactName, Nature, Origin, PersonKind, SensitiveKind

UNKNOWN, NONE = "unknown", "none"
"""What stands for "not known yet", and for "known: there are none of them"."""

ONE: dict[FactName, type[StrEnum]] = {FactName.ORIGIN: Origin, FactName.CAUSE: Cause}
"""Fields that take one label."""

MANY: dict[FactName, type[StrEnum]] = {
    FactName.NATURE: Nature,
    FactName.DATA_KINDS: DataKind,
    FactName.SENSITIVE_KINDS: SensitiveKind,
    FactName.PERSON_KINDS: PersonKind,
}
"""Fields that take several."""

NUMBERS = frozenset({FactName.PERSONS, FactName.RECORDS})
WORDS = {
    FactName.NATURE: "nature",
    FactName.ORIGIN: "origin",
    FactName.CAUSE: "cause",
    FactName.DATA_KINDS: "data_kind",
    FactName.SENSITIVE_KINDS: "sensitive_kind",
    FactName.PERSON_KINDS: "person_kind",
}
"""Under which key the words of a label stand: `nature.integrity`."""


def labels_of(name: FactName) -> tuple[str, ...]:
    """The labels that a person may choose. That conversations hold anything is never chosen: it always goes with them.

    That there are no sensitive kinds can be known.
    """
    labels = tuple(one.value for one in (ONE.get(name) or MANY[name]) if one is not SensitiveKind.ANYTHING_SAID)
    return (*labels, NONE) if name is FactName.SENSITIVE_KINDS else labels


def order(name: FactName, chosen: set[str]) -> tuple[str, ...]:
    """What was chosen, in the order of the vocabulary; nothing of it when it is NONE alone."""
    return tuple(label for label in labels_of(name) if label in chosen and label != NONE)
