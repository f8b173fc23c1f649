"""When Slack cannot be told of a breach or a pause, the dpo and the escalation addresses are, by e-mail and once."""

from collections.abc import Callable

from sqlalchemy.orm import Session

from bot import letters, telling
from bot.desk import Desk
from bot.pausing import PAUSED, write_paused
from bot.rungs import describe_rung
from bot.showing import show_breach
from storage import breach_clock, breach_lead, breaches, pauses
from storage.clock import now
from storage.models import Breach, Delivery
from storage.outbox import Words

OF_THE_CHANNEL = frozenset("channel_not_found is_archived not_in_channel channel_is_shared restricted_action".split())
OF_THE_TOKEN = frozenset("invalid_auth not_authed token_revoked token_expired account_inactive missing_scope".split())
"""Errors of the configuration: waiting will not mend them."""
TRIES = 3
"""From how many tries on an urgent post counts as not going."""
OF_BREACHES = frozenset({"breach_opened", "breach_reminder"})
"""Topics with letters of their own; what else is announced of a breach is gathered into one (bot/gathering.py)."""
URGENT = OF_BREACHES | {PAUSED}


def tell_by_mail(session: Session, desk: Desk, delivery: Delivery, code: str) -> int:
    """Queue the e-mails for a post that failed, if it is urgent and will not go; how many are new."""
    if delivery.topic not in URGENT or (code not in OF_THE_CHANNEL | OF_THE_TOKEN and delivery.attempts < TRIES):
        return 0
    return _tell_paused(session, desk, delivery) if delivery.topic == PAUSED else stand_in(session, desk, delivery)


def stand_in(session: Session, desk: Desk, delivery: Delivery) -> int:
    """Queue the e-mails for a new breach or a rung of one that Slack has not shown, to whoever has not got them;
    how many are new. Nothing when its ladder rings no more."""
    breach, telecom = breaches.get_breach(session, delivery.case), desk.settings.telecom_operator
    if delivery.reminder is not None and breach_clock.is_over(session, breach, delivery.reminder, telecom):
        return 0
    write, lead = _writer(session, desk, breach, delivery), breach_lead.find_people(session, breach, now=now())
    return telling.tell_instead(session, delivery, write, desk.settings, lead=lead, now=now())


def _tell_paused(session: Session, desk: Desk, delivery: Delivery) -> int:
    """Nothing when sending goes on already."""
    if (pause := pauses.is_paused(session)) is None:
        return 0

    def write(language: str) -> Words:
        return write_paused(session, pause, language, company=desk.settings.company_name)

    return telling.tell_instead(session, delivery, write, desk.settings, now=now())


def _writer(session: Session, desk: Desk, breach: Breach, delivery: Delivery) -> Callable[[str], Words]:
    card, company, at = show_breach(session, breach), desk.settings.company_name, now()

    def write(language: str) -> Words:
        if delivery.reminder is None:
            return letters.write_opened(card, breach.summary, language, company=company, in_slack=False)
        telecom = desk.settings.telecom_operator
        rung = describe_rung(session, breach, delivery.reminder, telecom=telecom, now=at)
        return letters.write_reminder(card, language, rung=rung.values, company=company, in_slack=False)

    return write
