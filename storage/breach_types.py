"""The words of a breach's record: agreement clause 1's lists, and what the French authority's form asks for."""

from enum import StrEnum


class ClaimKind(StrEnum):
    """Which instant somebody names. They are kept apart (EDPB Guidelines 9/2022, sections 31 to 44)."""

    DETECTED = "detected"
    SUSPECTED = "suspected"
    TOLD = "told"
    """By a sub-processor."""
    AWARE = "aware"


class TelecomOperator(StrEnum):
    """Whether Kavkom is an operator declared under the French telecom code, as the setting TELECOM_OPERATOR says."""

    UNKNOWN = "unknown"
    NO = "no"
    YES = "yes"


class FactName(StrEnum):
    """What is recorded of a breach, or of one customer in it. Behind each: how its value is shaped."""

    ACCOUNT = "account"
    """Text: what happened, in the words of the notice."""
    NATURE = "nature"
    """Labels of `Nature`."""
    ORIGIN = "origin"
    """One of `Origin`."""
    ORIGIN_OTHER = "origin_other"
    CAUSE = "cause"
    """One of `Cause`."""
    DATA_KINDS = "data_kinds"
    """Labels of `DataKind`."""
    DATA_OTHER = "data_other"
    SENSITIVE_KINDS = "sensitive_kinds"
    """Labels of `SensitiveKind`."""
    PERSON_KINDS = "person_kinds"
    """Labels of `PersonKind`."""
    PERSONS_OTHER = "persons_other"
    PERSONS = "persons"
    """A number, approximate."""
    RECORDS = "records"
    """A number, approximate."""
    STARTED_AT = "started_at"
    """An instant."""
    ENDED_AT = "ended_at"
    """An instant, or ONGOING."""
    DISCOVERY = "discovery"
    """Text: how it was discovered."""
    MEASURES_BEFORE = "measures_before"
    MEASURES_AFTER = "measures_after"
    CONSEQUENCES = "consequences"
    OTHER_BODIES = "other_bodies"
    """Text: who else was told: police, insurer, authorities."""
    CNIL_TOLD_AT = "cnil_told_at"
    """An instant: a declared operator notified the CNIL itself (TELECOM_OPERATOR=yes)."""
    ACCOUNT_EN = "account_en"
    ORIGIN_OTHER_EN = "origin_other_en"
    DATA_OTHER_EN = "data_other_en"
    PERSONS_OTHER_EN = "persons_other_en"
    DISCOVERY_EN = "discovery_en"
    MEASURES_BEFORE_EN = "measures_before_en"
    MEASURES_AFTER_EN = "measures_after_en"
    CONSEQUENCES_EN = "consequences_en"
    OTHER_BODIES_EN = "other_bodies_en"


IN_ENGLISH = {FactName(name.value.removesuffix("_en")): name for name in FactName if name.value.endswith("_en")}
"""The texts that customers read, each with its wording in English; the text itself is in French."""

ONGOING = "ongoing"
"""The value of ENDED_AT while it goes on."""


class Nature(StrEnum):
    """What was lost: EDPB Guidelines 9/2022, section 17."""

    CONFIDENTIALITY = "confidentiality"
    INTEGRITY = "integrity"
    AVAILABILITY = "availability"


class Origin(StrEnum):
    """How it came about, as the French authority's form asks."""

    LOST_EQUIPMENT = "lost_equipment"
    STOLEN_EQUIPMENT = "stolen_equipment"
    HACKING = "hacking"
    PHISHING = "phishing"
    MALWARE = "malware"
    PUBLICATION = "publication"
    WRONG_PERSON_SHOWN = "wrong_person_shown"
    WRONG_RECIPIENT = "wrong_recipient"
    OTHER = "other"


class Cause(StrEnum):
    """Whose doing, and whether on purpose."""

    INTERNAL_ACCIDENTAL = "internal_accidental"
    INTERNAL_MALICIOUS = "internal_malicious"
    EXTERNAL_ACCIDENTAL = "external_accidental"
    EXTERNAL_MALICIOUS = "external_malicious"


class DataKind(StrEnum):
    """Kinds of data, word for word those of clause 1, and another one."""

    IDENTIFICATION = "identification"
    CONTACT = "contact"
    BUSINESS = "business"
    BILLING = "billing"
    CONVERSATIONS = "conversations"
    OTHER = "other"


class SensitiveKind(StrEnum):
    """GDPR articles 9(1) and 10, and what a form asks for besides."""

    HEALTH = "health"
    OPINIONS = "opinions"
    BELIEFS = "beliefs"
    ORIGIN = "origin"
    UNION = "union"
    SEX_LIFE = "sex_life"
    BIOMETRIC = "biometric"
    OFFENCES = "offences"
    SOCIAL_NUMBER = "social_number"
    ANYTHING_SAID = "anything_said"
    """Recorded conversations: they may contain anything said, including sensitive matters."""


class PersonKind(StrEnum):
    """Kinds of data subjects, word for word those of clause 1, and another one."""

    CUSTOMERS_AND_PROSPECTS = "customers_and_prospects"
    EMPLOYEES = "employees"
    SUPPLIERS = "suppliers"
    OTHER_PARTNERS = "other_partners"
    OTHER = "other"


class Answered(StrEnum):
    """What came of a telephone call; only REACHED counts as telling (clause 6)."""

    REACHED = "reached"
    VOICEMAIL = "voicemail"
    NO_ANSWER = "no-answer"


class ContactRole(StrEnum):
    """Whom a call reached; the only words about that person that Slack sees."""

    MANAGEMENT = "management"
    DPO = "dpo"
    IT = "it"
    SECRETARIAT = "secretariat"
    OTHER = "other"


class RowState(StrEnum):
    """How far one customer of a breach has come; read from deliveries, calls and replies, kept nowhere."""

    TO_TELL = "to-tell"
    SENDING = "sending"
    UNCERTAIN = "uncertain"
    DELAYED = "delayed"
    REFUSED = "refused"
    BOUNCED = "bounced"
    ACCEPTED = "accepted"
    TOLD = "told"
    """By telephone, in person, or by other means with proof."""
    RECEIVED = "received"
    NOT_AFFECTED = "not-affected"
