"""All that Slack can ever show of a case: references, kinds, instants, counts, states, customers and staff ids.

Subjects, senders, bodies, file names and typed texts have no field here, and so no way into Slack.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from bot.notice_cards import NOTICE, NoticeLine
from storage.asking import NOT_KNOWN
from storage.deadlines import earliest
from storage.next_step import TO_CALL, NextStep
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
AWARE, TOLD, ADD, CLOSE, NO_BREACH = "breach_aware", "breach_told", "breach_add", "breach_close", "breach_no_breach"
LEAD, GIVE_LEAD, INSTANTS, RECORD = "breach_lead", "breach_give_lead", "breach_instants", "breach_record"
CALL_SHEET, WAIVE, AGAIN = "breach_call_sheet", "breach_waive", "breach_again"
EXCLUDE, INCLUDE = "breach_exclude", "breach_include"
DOCUMENTS, READ_REPLY = "breach_documents", "breach_read_reply"
ROW = 5
"""Buttons of a breach in one row: more are hidden."""
URGENT_STATES = ("bounced", "refused", "delayed", "uncertain", "to-tell")
"""States of a customer that need somebody, the most pressing first (storage.breach_types.RowState)."""
STATES = (*URGENT_STATES, "sending", "accepted", "told", "received", "not-affected")
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


@dataclass(frozen=True)
class CustomerLine:
    """One affected customer: told when and by which means, or not yet; its state, and the next step.

    `step` is of storage.next_step, `step_at` the instant that its words name. `version` is the number of the newest
    notice that its server has; `owed`: it was only spoken to; `found_late`: it was named after the deadline;
    `attempts`: how often it was called in vain.
    """

    customer: str
    customer_reference: str
    told_at: datetime | None
    means: str | None
    state: str = "to-tell"
    step: str = "tell"
    step_at: datetime | None = None
    version: int | None = None
    owed: bool = False
    accepted_at: datetime | None = None
    received_at: datetime | None = None
    found_late: bool = False
    attempts: int = 0

    @property
    def excluded(self) -> bool:
        return self.state == "not-affected"

    @property
    def lost(self) -> bool:
        """Whether its newest notice was refused or came back."""
        return self.step == NextStep.TELEPHONE_LOST

    @property
    def urgent(self) -> bool:
        """Whether somebody must see to it now."""
        return self.state in URGENT_STATES and (self.told_at is None or self.state != "to-tell")


@dataclass(frozen=True)
class FactsLine:
    """What is known of a breach: how many fields of how many, which are not, and kinds and numbers; no typed text."""

    known: int
    wanted: int
    unknown: tuple[str, ...]
    nature: tuple[str, ...] = ()
    data_kinds: tuple[str, ...] = ()
    persons: int | None = None
    records: int | None = None


@dataclass(frozen=True)
class ClockLine:
    """A clock beside the 48 hours (storage/second_clocks.py): its name, its end, and whether it was met."""

    name: str
    ends_at: datetime
    done: bool
    assumed: bool = False


@dataclass(frozen=True)
class BreachCard:
    """A breach as Slack may show it; its deadline is precautionary while nobody has become aware.

    `unmarked`: documents of which nobody has said for whom they are; `replies`: mails that may be read.
    """

    reference: str
    opened_at: datetime
    opened_by: str
    suspected_at: datetime | None
    aware_at: datetime | None
    aware_by: str | None
    deadline_at: datetime
    lead: str | None
    closed_at: datetime | None
    closed_by: str | None
    customers: tuple[CustomerLine, ...]
    version: int
    about: str | None = None
    no_breach: bool = False
    unmarked: int = 0
    replies: int = 0
    tasks: tuple[TaskLine, ...] = ()
    notice: NoticeLine | None = None
    detected_at: datetime | None = None
    told_at: datetime | None = None
    facts: FactsLine | None = None
    clocks: tuple[ClockLine, ...] = ()
    telecom_unknown: bool = False

    @property
    def noticed_at(self) -> datetime:
        """The earliest instant that somebody named."""
        named = earliest(self.detected_at, self.suspected_at, self.told_at, self.aware_at)
        return named or self.opened_at

    @property
    def free_tasks(self) -> tuple[TaskLine, ...]:
        return tuple(task for task in self.tasks if task.owner is None)

    @property
    def precautionary(self) -> bool:
        return self.aware_at is None

    @property
    def untold(self) -> tuple[CustomerLine, ...]:
        return tuple(line for line in self.affected if line.told_at is None)

    @property
    def affected(self) -> tuple[CustomerLine, ...]:
        """The customers without those that are not affected after all."""
        return tuple(line for line in self.customers if not line.excluded)

    @property
    def urgent(self) -> tuple[CustomerLine, ...]:
        """Those that need somebody now, the most pressing first."""
        found = (line for line in self.customers if line.urgent)
        return tuple(sorted(found, key=lambda line: (URGENT_STATES.index(line.state), line.customer_reference)))

    @property
    def counts(self) -> tuple[tuple[str, int], ...]:
        """How many customers are in each state, of those states that any is in."""
        found = Counter(line.state for line in self.customers)
        return tuple((state, found[state]) for state in STATES if found[state])

    @property
    def owed(self) -> int:
        """How many were only spoken to: documents are owed."""
        return sum(line.owed for line in self.customers)

    @property
    def unread(self) -> int:
        """How many have not answered for so long that they are telephoned."""
        return sum(line.step == NextStep.TELEPHONE_UNREAD for line in self.customers)

    @property
    def found_late(self) -> int:
        """How many were named after the deadline."""
        return sum(line.found_late for line in self.affected)

    @property
    def names_to_call(self) -> tuple[str, ...]:
        """Who stands on the call sheet."""
        return tuple(line.customer for line in self.customers if line.step in TO_CALL)

    @property
    def to_call(self) -> int:
        return len(self.names_to_call)

    @property
    def _may_call(self) -> bool:
        """Whether calls are still recorded: after closing only where a notice came back after all."""
        if self.closed_at is None:
            return bool(self.affected)
        return not self.no_breach and any(line.lost for line in self.affected)

    @property
    def actions(self) -> tuple[str, ...]:
        """What a person may press now, in the order of the buttons.

        A button more is a line here, in its place: notice, calls, aware, lead, facts, customers, not affected, told
        otherwise, close, no breach. Its words are `button.<action>`; five stand in a row (`rows`).
        """
        is_open = self.closed_at is None
        offered = (
            (NOTICE, is_open),
            (AWARE, is_open and self.aware_at is None),
            (LEAD, is_open and self.lead is None),
            (GIVE_LEAD, is_open and self.lead is not None),
            (RECORD, is_open),
            (ADD, is_open),
            (DOCUMENTS, is_open),
            (READ_REPLY, bool(self.replies)),
            (TAKE_TASK, bool(self.free_tasks)),
            (FINISH_TASK, bool(self.tasks)),
            (EXCLUDE, is_open and bool(self.affected)),
            (INCLUDE, is_open and len(self.affected) < len(self.customers)),
            (TOLD, self._may_call),
            (CALL_SHEET, bool(self.to_call or (is_open and self.untold)) and self._may_call),
            (AGAIN, any(line.lost for line in self.affected) and self._may_call),
            (WAIVE, bool(self.owed)),
            (INSTANTS, is_open),
            (CLOSE, is_open),
            (NO_BREACH, is_open),
        )
        return tuple(action for action, makes_sense in offered if makes_sense)

    @property
    def rows(self) -> tuple[tuple[str, ...], ...]:
        """The buttons as they stand on the card; Home shows the first row."""
        return tuple(self.actions[start : start + ROW] for start in range(0, len(self.actions), ROW))


@dataclass(frozen=True)
class BreachLine:
    """A breach in a list: its deadline, and how many of its affected customers are told."""

    reference: str
    precautionary: bool
    deadline_at: datetime
    closed_at: datetime | None
    affected: int
    told: int
    lead: str | None


Card = RequestCard | BreachCard


def is_request(reference: str) -> bool:
    """Whether a reference is a request's (DSR-…) and not a breach's."""
    return reference.upper().startswith("DSR-")
