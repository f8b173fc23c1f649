"""`python -m bot breach aware | claim | lead | record`: what is known of a breach, for when Slack is down."""

from typing import TYPE_CHECKING, Annotated

import typer

from bot.breach_commands import Reference, breach_app
from bot.shell import By, at_the_desk, find_typist, read_instant, refuse_typed, shown
from storage.breach_types import ClaimKind, FactName
from storage.shell import fail, say, shell_actor
from storage.types import Role

if TYPE_CHECKING:
    from collections.abc import Iterable

    from storage.breach_facts import Value

At = Annotated[str, typer.Option(metavar="INSTANT", help="2026-10-23T17:40 (Paris), or with an offset.")]


@breach_app.command()
def aware(
    reference: Reference,
    at: At,
    later: Annotated[bool, typer.Option("--later", help="The dpo: Kavkom was aware only later; says why.")] = False,
    reason: Annotated[str, typer.Option(help="With --later: why. No personal data; both instants are kept.")] = "",
    by: By = None,
) -> None:
    """Say since when Kavkom knows, with reasonable certainty, that personal data was compromised."""
    _claim(reference, ClaimKind.AWARE, at, reason=_reason(reason, later=later), typist=by)


@breach_app.command()
def claim(
    reference: Reference,
    what: Annotated[
        ClaimKind, typer.Argument(metavar="WHAT", help="detected, suspected, or told: by a sub-processor.")
    ],
    at: At,
) -> None:
    """Name a further instant of a breach; all are kept, the earliest of each counts."""
    _claim(reference, what, at)


def _reason(reason: str, *, later: bool) -> str:
    """Both, or neither: awareness is not moved by accident."""
    if later != bool(reason.strip()):
        fail("To move awareness to a later instant, the data protection officer says --later and --reason TEXT.", 2)
    refuse_typed(reason)
    return reason.strip()


def _claim(reference: str, what: ClaimKind, at: str, *, reason: str = "", typist: str | None = None) -> None:
    from bot import claiming  # noqa: PLC0415 - slow
    from storage import breaches  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    instant = read_instant(at)
    with at_the_desk() as desk:
        with desk.decide() as session:
            breach = breaches.get_breach(session, reference, to_change=True)
            by = shell_actor()
            if reason and claiming.is_later(breach, what, instant):
                by, _ = find_typist(session, typist, at_least=Role.DPO)
            claiming.claim(session, breach, what, instant, reason=reason, by=by, now=now())
        precautionary = "precautionary " if breach.aware_at is None else ""
        since = f"aware since {shown(breach.aware_at)}" if breach.aware_at else f"{what.value} {shown(instant)}"
        say(f"{breach.reference}: {since}, {precautionary}deadline {shown(breach.deadline_at)}.")


@breach_app.command()
def lead(
    reference: Reference,
    colleague: Annotated[
        str,
        typer.Argument(metavar="SLACK_USER", help="Who leads: a handler or dpo, as U0123456789 or by company address."),
    ],
) -> None:
    """Say who leads a breach; that colleague is told directly."""
    from bot import leading  # noqa: PLC0415 - slow
    from storage import breaches, staff  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    with at_the_desk() as desk:
        with desk.decide() as session:
            breach = breaches.get_breach(session, reference, to_change=True)
            who = staff.get_colleague(session, colleague, now=now(), at_least=Role.HANDLER)
            leading.give_lead(session, breach, who, by=shell_actor(), now=now())
        say(f"{breach.reference} is led by {who.name}.")


@breach_app.command()
def record(  # noqa: PLR0913 - one option for each field
    reference: Reference,
    *,
    account: Annotated[str | None, typer.Option(help="What happened, in the words that customers will read.")] = None,
    nature: Annotated[
        list[str] | None, typer.Option(help="confidentiality, integrity, availability; repeatable.")
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option(
            help="lost_equipment, stolen_equipment, hacking, phishing, malware, publication, wrong_person_shown, "
            "wrong_recipient or other."
        ),
    ] = None,
    origin_other: Annotated[str | None, typer.Option(help="The other origin.")] = None,
    cause: Annotated[str | None, typer.Option(help="internal_ or external_, then accidental or malicious.")] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(help="identification, contact, business, billing, conversations or other (clause 1); repeatable."),
    ] = None,
    data_other: Annotated[str | None, typer.Option(help="The other data.")] = None,
    sensitive: Annotated[
        list[str] | None,
        typer.Option(
            help="health, opinions, beliefs, origin, union, sex_life, biometric, offences, social_number, or none; "
            "repeatable."
        ),
    ] = None,
    persons_kind: Annotated[
        list[str] | None,
        typer.Option(
            help="customers_and_prospects, employees, suppliers, other_partners or other (clause 1); repeatable."
        ),
    ] = None,
    persons_other: Annotated[str | None, typer.Option(help="The other persons.")] = None,
    persons: Annotated[str | None, typer.Option(help="How many persons, approximately.")] = None,
    records: Annotated[str | None, typer.Option(help="How many records, approximately.")] = None,
    started_at: Annotated[str | None, typer.Option(help="2026-10-23T17:40 (Paris), or with an offset.")] = None,
    ended_at: Annotated[str | None, typer.Option(help="The same, or: ongoing.")] = None,
    discovery: Annotated[str | None, typer.Option(help="How it was discovered.")] = None,
    measures_before: Annotated[str | None, typer.Option(help="Measures in place before.")] = None,
    measures_after: Annotated[str | None, typer.Option(help="Measures taken or proposed.")] = None,
    consequences: Annotated[str | None, typer.Option(help="Likely consequences.")] = None,
    other_bodies: Annotated[str | None, typer.Option(help="Who else was told: police, insurer, authorities.")] = None,
    cnil_told_at: Annotated[
        str | None, typer.Option(help="When Kavkom itself told the French authority, CNIL.")
    ] = None,
    account_en: Annotated[str | None, typer.Option(help="What happened, in English.")] = None,
    origin_other_en: Annotated[str | None, typer.Option(help="Other origin, in English.")] = None,
    data_other_en: Annotated[str | None, typer.Option(help="Other data, in English.")] = None,
    persons_other_en: Annotated[str | None, typer.Option(help="Other persons, in English.")] = None,
    discovery_en: Annotated[str | None, typer.Option(help="How it was discovered, in English.")] = None,
    measures_before_en: Annotated[str | None, typer.Option(help="Measures in place before, in English.")] = None,
    measures_after_en: Annotated[str | None, typer.Option(help="Measures taken or proposed, in English.")] = None,
    consequences_en: Annotated[str | None, typer.Option(help="Likely consequences, in English.")] = None,
    other_bodies_en: Annotated[str | None, typer.Option(help="Other bodies involved, in English.")] = None,
    customer: Annotated[str, typer.Option(metavar="C0001", help="What holds for this customer only.")] = "",
) -> None:
    """Record what is known of a breach. Each option takes: unknown, for "not known yet". No personal data.

    Texts are in French; customers who read English get what is given with the options that end in -en.
    """
    from bot.fact_typing import UnreadableFact, read_facts  # noqa: PLC0415 - slow

    typed: dict[FactName, str | list[str] | None] = {
        FactName.ACCOUNT: account,
        FactName.NATURE: nature,
        FactName.ORIGIN: origin,
        FactName.ORIGIN_OTHER: origin_other,
        FactName.CAUSE: cause,
        FactName.DATA_KINDS: data,
        FactName.DATA_OTHER: data_other,
        FactName.SENSITIVE_KINDS: sensitive,
        FactName.PERSON_KINDS: persons_kind,
        FactName.PERSONS_OTHER: persons_other,
        FactName.PERSONS: persons,
        FactName.RECORDS: records,
        FactName.STARTED_AT: started_at,
        FactName.ENDED_AT: ended_at,
        FactName.DISCOVERY: discovery,
        FactName.MEASURES_BEFORE: measures_before,
        FactName.MEASURES_AFTER: measures_after,
        FactName.CONSEQUENCES: consequences,
        FactName.OTHER_BODIES: other_bodies,
        FactName.CNIL_TOLD_AT: cnil_told_at,
        FactName.ACCOUNT_EN: account_en,
        FactName.ORIGIN_OTHER_EN: origin_other_en,
        FactName.DATA_OTHER_EN: data_other_en,
        FactName.PERSONS_OTHER_EN: persons_other_en,
        FactName.DISCOVERY_EN: discovery_en,
        FactName.MEASURES_BEFORE_EN: measures_before_en,
        FactName.MEASURES_AFTER_EN: measures_after_en,
        FactName.CONSEQUENCES_EN: consequences_en,
        FactName.OTHER_BODIES_EN: other_bodies_en,
    }
    try:
        values = read_facts(typed)
    except UnreadableFact as unreadable:
        fail(str(unreadable), 2)
    _record(reference, customer, values)


def _record(reference: str, customer: str, values: "dict[FactName, Value]") -> None:
    from bot.facts import find_affected  # noqa: PLC0415 - slow
    from storage import breach_record, breaches  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    _refuse_texts(value for value in values.values() if isinstance(value, str))
    with at_the_desk() as desk:
        with desk.decide() as session:
            breach = breaches.get_breach(session, reference, to_change=True)
            affected = find_affected(breach, customer)
            new = breach_record.record_facts(session, breach, values, affected=affected, by=shell_actor(), now=now())
        names = ", ".join(name.value for name in new)
        say(f"{breach.reference}: recorded {names}." if new else f"{breach.reference}: nothing new.")


def _refuse_texts(texts: "Iterable[str]") -> None:
    for text in texts:
        refuse_typed(text)
