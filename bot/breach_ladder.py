"""When each breach rings next, remembered between ticks: the record decides, this only saves asking it.

Everything that changes a breach stands in the journal, so a tick reads the few entries that are new there, and asks for
ledgers only of breaches with a rung that has fallen due.
"""

import time
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.orm import Session

from bot import reminders
from bot.desk import Desk
from bot.guarding import PoisonGuard
from storage import breach_clock, breaches, journal, ladder
from storage.breaches import is_breach

AT_ONCE = 50
"""Breaches that are looked at in one tick at most; the next tick goes on."""
LONGEST = 5.0
"""Seconds that one tick goes on ringing."""
ANEW = 600.0
"""Seconds after which everything is read again, whatever the journal says."""


class BreachLadder:
    """The ladders of all open breaches."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._next: dict[str, datetime] = {}
        self._unsure: set[str] = set()
        self._over: set[str] = set()
        self._entry = 0
        self._anew_at = 0.0

    def tick(self, *, now: datetime) -> list[str]:
        """Ring what fell due, and withdraw what need not be said any more; the references that rang."""
        try:
            with self._desk.database.reading() as session:
                self._follow(session)
                due = sorted((at, reference) for reference, at in self._next.items() if at <= now)[:AT_ONCE]
                ringing = self._sort_out(session, [reference for _, reference in due], now) if due else []
            self._withdraw(now)
            return self._ring_all(ringing, now)
        except Exception:
            self._anew_at = 0.0  # what was read half is read anew
            raise

    def _follow(self, session: Session) -> None:
        if time.monotonic() >= self._anew_at:
            self._entry, _ = journal.head(session)
            self._next = self._next_rings(session, None)
            self._note_over(session, self._next)
            self._anew_at = time.monotonic() + ANEW
            return
        self._entry, changed = ladder.cases_since(session, self._entry)
        changed = {one for one in changed if is_breach(one)} | self._unsure
        self._unsure = set()
        if changed:
            self._forget(changed)
            self._next |= self._next_rings(session, sorted(changed))
            self._note_over(session, changed)

    def _next_rings(self, session: Session, references: list[str] | None) -> dict[str, datetime]:
        some = breach_clock.find_open(session, references)
        return breach_clock.next_rings(session, some, telecom=self._desk.settings.telecom_operator)

    def _note_over(self, session: Session, references: Iterable[str]) -> None:
        telecom = self._desk.settings.telecom_operator
        for breach in breach_clock.find_whole(session, breach_clock.find_with_unsent(session, sorted(references))):
            if breach_clock.find_over(session, breach, telecom=telecom):
                self._over.add(breach.reference)

    def _sort_out(self, session: Session, references: list[str], now: datetime) -> list[str]:
        """Those with new rungs; of the others, whose customers are told, it is noted when they ring next."""
        telecom, ringing = self._desk.settings.telecom_operator, []
        self._forget(references)
        for breach in breach_clock.find_whole(session, references):
            if breach_clock.new_rungs(session, breach, telecom=telecom, now=now):
                ringing.append(breach.reference)
            elif at := breach_clock.next_after(session, breach, telecom=telecom, now=now):
                self._next[breach.reference] = at
        return ringing

    def _ring_all(self, references: list[str], now: datetime) -> list[str]:
        """Ring them, as many as fit into one tick; the next one goes on."""
        until, rang = time.monotonic() + LONGEST, []
        for number, reference in enumerate(references):
            if time.monotonic() > until:
                self._unsure |= set(references[number:])
                break
            if self._ring(reference, now):
                rang.append(reference)
        return rang

    def _ring(self, reference: str, now: datetime) -> bool:
        """Ring one, whose next rung is then read again; what cannot ring waits for the next reading of everything."""
        self._unsure.add(reference)
        with PoisonGuard("ring-failed", reference):
            return reminders.ring_breach(self._desk, reference, now=now)
        self._unsure.discard(reference)
        return False

    def _withdraw(self, now: datetime) -> None:
        """Reminders of ladders that ring no more and were not sent yet: nobody is asked what has been answered."""
        over, self._over = self._over, set()
        telecom = self._desk.settings.telecom_operator
        for reference in sorted(over):
            with self._desk.database.begin() as session:
                breach = breaches.get_breach(session, reference, to_change=True)
                breach_clock.withdraw_over(session, breach, telecom=telecom, now=now)

    def _forget(self, references: Iterable[str]) -> None:
        for reference in references:
            self._next.pop(reference, None)
