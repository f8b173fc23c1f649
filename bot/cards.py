"""All that Slack can ever show of a request: references, kinds, instants, counts, states, customers and staff ids.

Subjects, senders, bodies, file names and typed texts have no field here, and so no way into Slack. The cards of
breaches stand in bot/breach_cards.py.
"""

from dataclasses import dataclass
from datetime import datetime

from storage.asking import NOT_KNOWN
from storage.requests import OWN_CONTROLLER
from storage.types import TaskKind

READ, CHOOSE, SET_ASIDE, TAKE_BACK = "dsr_read", "dsr_choose", "dsr_set_aside", "dsr_take_back"
READ_NEWEST, SEND_AGAIN, REACHED = "dsr_read_newest", "dsr_send_again", "dsr_reached"
TAKE_TASK, FINISH_TASK, SET_DUE = "dsr_take_task", "dsr_finish_task", "dsr_due"
DATED = (TaskKind.AUTHORITY, TaskKind.CONTROLLER, TaskKind.OWN)
"""Tasks whose date a person can enter."""
CANDIDATE, AGREE, REJECT = "dsr_candidate", "dsr_agree", "dsr_reject"
TAKE, HAND_OVER, REFER, OWN = "dsr_take", "dsr_hand_over", "dsr_refer", "dsr_own"
ASK, CLOSE_UNKNOWN = "dsr_ask", "dsr_close_unknown"
POSSIBLE_BREACH, MISROUTED = "dsr_possible_breach", "dsr_misrouted"
CANDIDATES = 3
"""Customers that a card offers at most."""
SET_ASIDE_REASONS = ("not_a_request", "spam", "duplicate", "test", "other")
"""Why a person may set a request aside; a note may follow in the record, never in Slack."""
REASONS = (*SET_ASIDE_REASONS, OWN_CONTROLLER, NOT_KNOWN)
"""Why a request is set aside."""


@dataclass(frozen=True)
class ForwardLine:
    """One forward: to whom, by whom, and how far it has come."""

    customer: str
    customer_reference: str
    routed_at: datetime
    routed_by: str
    accepted_at: datetime | None
    refused_at: datetime | None
    bounced_at: datetime | None = None
    bounce_status: str | None = None
    delayed_at: datetime | None = None
    sent_again_at: datetime | None = None
    by_instruction: bool = False
    withheld_bytes: int | None = None
    reached_at: datetime | None = None
    means: str | None = None
    replies: tuple["ReplyLine", ...] = ()
    misrouted_at: datetime | None = None
    misrouted_by: str | None = None
    left: bool = True

    @property
    def failed(self) -> bool:
        """Whether the customer does not have it: its server refused the newest attempt, or that came back."""
        lost = bool(self.refused_at or self.bounced_at) and self.reached_at is None
        return lost and self.misrouted_at is None

    @property
    def said(self) -> frozenset[str]:
        """What its replies were taken to mean."""
        return frozenset(reply.said for reply in self.replies)


@dataclass(frozen=True)
class ReplyLine:
    """A customer's reply: what it was taken to mean, never its words."""

    said: str
    at: datetime


@dataclass(frozen=True)
class CandidateLine:
    """A customer whom a held request may concern, and the kinds of evidence that point to it."""

    name: str
    reference: str
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class ProposalLine:
    """The customer that one person proposes, and a second must agree to."""

    name: str
    reference: str
    by: str
    at: datetime


@dataclass(frozen=True)
class TaskLine:
    """Something open to do; `number` is its place among the tasks of its case."""

    number: int
    what: str
    owner: str | None
    opened_at: datetime
    due_at: datetime | None = None


@dataclass(frozen=True)
class RequestCard:
    """A request as Slack may show it."""

    reference: str
    kind: str
    rights: tuple[str, ...]
    language: str
    received_at: datetime
    hold: str | None
    flags: tuple[str, ...]
    forwards: tuple[ForwardLine, ...]
    set_aside_at: datetime | None
    set_aside_reason: str | None
    version: int
    follow_ups: int = 0
    tasks: tuple[TaskLine, ...] = ()
    owner: str | None = None
    referred_at: datetime | None = None
    candidates: tuple[CandidateLine, ...] = ()
    proposal: ProposalLine | None = None
    asked_at: datetime | None = None
    answered: bool = False
    breach: str | None = None

    @property
    def actions(self) -> tuple[str, ...]:
        """What a person may press now."""
        return (*self.first_actions, *self.further_actions)

    @property
    def first_actions(self) -> tuple[str, ...]:
        """Reading, whose it is, and what a failure or a task asks for."""
        newest = (READ_NEWEST,) if self.follow_ups or any(line.replies for line in self.forwards) else ()
        failed = (SEND_AGAIN, REACHED) if self.failed else ()
        take = (TAKE_TASK,) if self.free_tasks else ()
        finish = (FINISH_TASK,) if self.tasks else ()
        due = (SET_DUE,) if self.dated_tasks else ()
        back = (TAKE_BACK,) if self.set_aside_at is not None else ()
        return (READ, *newest, *(self._choices if self.held else ()), *back, *failed, *take, *finish, *due)

    @property
    def further_actions(self) -> tuple[str, ...]:
        """What else may become of a held request, and of one that may have gone astray."""
        disowned = any("not-ours" in line.said for line in self.standing)
        if not self.held:
            return (MISROUTED,) if disowned else ()
        ask = () if self.asked_at and not self.answered else (ASK,)
        close = (CLOSE_UNKNOWN,) if self.answered and not self.forwards else ()
        refer = () if self.referred_at else (REFER,)
        breach = () if self.breach else (POSSIBLE_BREACH,)
        return (HAND_OVER if self.owner else TAKE, *ask, *close, SET_ASIDE, OWN, *refer, *breach)

    @property
    def _choices(self) -> tuple[str, ...]:
        ranks = tuple(f"{CANDIDATE}_{rank}" for rank, _ in enumerate(self.candidates))
        return ((AGREE, REJECT) if self.proposal else ()) + (*ranks, CHOOSE)

    @property
    def standing(self) -> tuple[ForwardLine, ...]:
        """The forwards that did not go to a wrong customer."""
        return tuple(line for line in self.forwards if line.misrouted_at is None)

    @property
    def held(self) -> bool:
        """Whether nobody whom it concerns has it, and a person must decide."""
        return not self.standing and self.set_aside_at is None

    @property
    def failed(self) -> tuple[ForwardLine, ...]:
        """The forwards that did not arrive: for these customers the duty is not met."""
        return tuple(line for line in self.forwards if line.failed)

    @property
    def free_tasks(self) -> tuple[TaskLine, ...]:
        return tuple(task for task in self.tasks if task.owner is None)

    @property
    def dated_tasks(self) -> tuple[TaskLine, ...]:
        """The tasks that may have a date: a letter or the law sets one."""
        return tuple(task for task in self.tasks if task.what in DATED)

    @property
    def asks_for_date(self) -> bool:
        """Whether the letter names a date that nobody has entered yet."""
        return "deadline" in self.flags and any(task.due_at is None for task in self.dated_tasks)

    @property
    def accepted(self) -> bool:
        """Whether every customer has it: its server has taken it, or it was told otherwise."""
        return all(line.accepted_at or line.reached_at for line in self.standing)
