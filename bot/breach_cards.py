"""All that Slack can ever show of a breach, and the buttons on its card: see bot/cards.py."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from bot.cards import FINISH_TASK, TAKE_TASK, TaskLine
from bot.notice_cards import NOTICE, NoticeLine
from storage.deadlines import earliest
from storage.next_step import TO_CALL, NextStep

AWARE, TOLD, ADD, CLOSE, NO_BREACH = "breach_aware", "breach_told", "breach_add", "breach_close", "breach_no_breach"
LEAD, GIVE_LEAD, INSTANTS, RECORD = "breach_lead", "breach_give_lead", "breach_instants", "breach_record"
CALL_SHEET, WAIVE, AGAIN = "breach_call_sheet", "breach_waive", "breach_again"
EXCLUDE, INCLUDE = "breach_exclude", "breach_include"
DOCUMENTS, READ_REPLY, EVIDENCE = "breach_documents", "breach_read_reply", "breach_evidence"
ROW = 5
"""Buttons of a breach in one row: more are hidden."""
URGENT_STATES = ("bounced", "refused", "delayed", "uncertain", "to-tell")
"""States of a customer that need somebody, the most pressing first (storage.breach_types.RowState)."""
STATES = (*URGENT_STATES, "sending", "accepted", "told", "received", "not-affected")


@dataclass(frozen=True)
class CustomerLine:
    """One affected customer: told when and by which means, or not yet; its state, and the next step.

    `step` is of storage.next_step, `step_at` the instant that its words name. `version` is the number of the newest
    notice that its server has; `owed`: it was only spoken to; `found_late`: it was named after the deadline;
    `attempts`: how often it was called in vain; `may_go_again`: its newest notice was lost and is still of use;
    `may_arrive`: its newest notice is with a server, or may be.
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
    may_go_again: bool = False
    may_arrive: bool = False

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

    `unmarked`: documents of which nobody has said for whom they are; `replies`: mails that may be read;
    `final_sent`: the newest notice that went out was called the last.
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
    final_sent: bool = False

    @property
    def lacks_final(self) -> bool:
        """Whether no notice that was called the last went out, so that customers may expect another."""
        return bool(self.affected) and not (self.final_sent or self.no_breach)

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
    def owed(self) -> tuple[CustomerLine, ...]:
        """Those that were only spoken to: documents are owed."""
        return tuple(line for line in self.customers if line.owed)

    @property
    def to_send_again(self) -> tuple[CustomerLine, ...]:
        """Those whose newest notice was lost and may go out again: after closing, only what is owed or untold."""
        some = tuple(line for line in self.affected if line.may_go_again)
        if self.closed_at is None:
            return some
        return () if self.no_breach else tuple(line for line in some if line.lost or line.owed)

    @property
    def told(self) -> tuple[CustomerLine, ...]:
        """Those that were told, or whose notice may be with them: of no breach after all they must hear, too."""
        return tuple(line for line in self.affected if line.told_at is not None or line.may_arrive)

    @property
    def to_reach(self) -> tuple[CustomerLine, ...]:
        """Those that somebody must still tell, or telephone."""
        return tuple(line for line in self.affected if line.told_at is None or line.step in TO_CALL)

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
        otherwise, close, no breach; the evidence once it is closed. Its words are `button.<action>`; five stand in a
        row (`rows`).
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
            (AGAIN, bool(self.to_send_again)),
            (WAIVE, bool(self.owed)),
            (INSTANTS, is_open),
            (CLOSE, is_open),
            (NO_BREACH, is_open),
            (EVIDENCE, not is_open),
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
    no_breach: bool = False
