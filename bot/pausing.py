"""What staff are told when sending by e-mail is paused, and when it goes on. No case: it concerns all of them."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.blocks import mention
from bot.who import Names
from storage import pauses
from storage.gone_out import may_have_gone_out
from storage.models import Pause
from storage.outbox import Words
from templates import render

PAUSED, RESUMED = "sending_paused", "sending_resumed"


def describe_sending(session: Session, language: str) -> str:
    """For Slack: whether sending is paused as the record stands now, whichever event is told."""
    pause = pauses.is_paused(session)
    if pause is None:
        ended = session.scalars(select(Pause).order_by(Pause.ended_at.desc()).limit(1)).one()
        return render(RESUMED, language, "slack", by=mention(Names(session).find(ended.ended_by), language))
    return render(PAUSED, language, "slack", **_values(session, pause))


def write_paused(session: Session, pause: Pause, language: str, *, company: str) -> Words:
    """For e-mail, when Slack cannot be told."""
    values = {**_values(session, pause), "company": company}
    return Words(
        render(f"{PAUSED}_subject", language, **values),
        render(PAUSED, language, **values),
        render(PAUSED, language, "html", **values),
    )


def _values(session: Session, pause: Pause) -> dict[str, Any]:
    found = may_have_gone_out(session, pause)
    return {
        "since_at": pause.since_at,
        "restored": pause.reason == pauses.RESTORED,
        "in_doubt": len(found.deliveries),
        "waiting": found.waiting,
    }
