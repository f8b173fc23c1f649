"""What must be done next about one affected customer of a breach (clause 6; pure): its row and the hour decide."""

from datetime import datetime
from enum import StrEnum

from storage.breach_types import RowState
from storage.ledger import Row


class NextStep(StrEnum):
    """What is left to do. The words stand in templates/slack_words, "next_step.…"; {at} there is `step_at`."""

    TELL = "tell"
    """Nobody has told it: send the notice, or telephone."""
    WAIT = "wait"
    """The notice is being sent."""
    WAIT_UNCERTAIN = "wait-uncertain"
    """The whole mail was sent and no answer came (RFC 1047); a receipt copy or a repeat settles that by itself."""
    WAIT_FOR_RECEIVED = "wait-for-received"
    """Its server has the notice; until the call sheet's hour somebody may still answer."""
    TELEPHONE_UNREAD = "telephone-unread"
    """Its server has the notice, that hour is over, and nobody has answered."""
    TELEPHONE_DELAYED = "telephone-delayed"
    """Its server is slow to take the notice."""
    TELEPHONE_LOST = "telephone-lost"
    """The notice was refused or came back; another address is used only as the customer's recorded instruction."""
    SEND_DOCUMENTS = "send-documents"
    """It was spoken to, and the documents are owed."""
    SEND_AGAIN = "send-again"
    """It was spoken to after its notice was lost: the same notice is owed once more."""
    NOTHING = "nothing"


TO_CALL = frozenset({NextStep.TELEPHONE_LOST, NextStep.TELEPHONE_DELAYED, NextStep.TELEPHONE_UNREAD})
"""The steps of those who stand on the call sheet (`Row.must_be_called`)."""


def next_step(row: Row, now: datetime) -> NextStep:
    """What to do about this customer now."""
    if row.failed:
        return NextStep.TELEPHONE_LOST
    if row.state is RowState.DELAYED:
        return NextStep.TELEPHONE_DELAYED
    if row.owed:
        return _of_owed(row)
    if row.must_be_called(now):
        return NextStep.TELEPHONE_UNREAD
    return _by_state(row)


def step_at(row: Row, step: NextStep) -> datetime | None:
    """The instant that a step's words name: since when it is being sent, or until when "received" is awaited."""
    if step in (NextStep.WAIT, NextStep.WAIT_UNCERTAIN) and row.attempt is not None:
        return row.attempt.queued_at
    return row.unread_at if step is NextStep.WAIT_FOR_RECEIVED else None


def _by_state(row: Row) -> NextStep:
    if row.state is RowState.TO_TELL:
        return NextStep.TELL
    if row.state is RowState.SENDING:
        return NextStep.WAIT
    if row.state is RowState.UNCERTAIN:
        return NextStep.WAIT_UNCERTAIN
    answered = row.received_at is not None or any(call.reached for call in row.affected.calls)
    return NextStep.WAIT_FOR_RECEIVED if row.state is RowState.ACCEPTED and not answered else NextStep.NOTHING


def _of_owed(row: Row) -> NextStep:
    """What has neither arrived nor come back is under way."""
    if row.attempt is None:
        return NextStep.SEND_DOCUMENTS
    return NextStep.SEND_AGAIN if row.may_go_again else NextStep.WAIT
