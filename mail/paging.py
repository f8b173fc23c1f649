"""Pages of notices become PDFs between the lease and the first try: what is sent is kept before it is sent."""

import time
from collections.abc import Iterator, Sequence

import structlog

from mail.recorder import SENDER
from mail.typesetting import STALLED, Approved, is_installed, set_pages
from storage import notice_pages
from storage.clock import now, real_now
from storage.database import Database
from storage.notice_pages import Made, Unset

log = structlog.get_logger()
TOGETHER = 16
"""Notices whose pages are set by one process: the next ones are set while these are on their way."""
REST = 600.0
"""Seconds for which no page is set after a group of which none could be because typst stalled: mail goes first."""


class Pages:
    """Sets the pages of notices that the sender has leased, where the extra `pdf` is installed.

    What cannot be set goes as it was approved, and is not tried again. A process that dies over it leaves the pages as
    they were: the next one makes the same bytes of them.
    """

    def __init__(self, database: Database, *, holder: str) -> None:
        self._database, self._holder = database, holder
        self._is_installed = is_installed()
        self._left = set[int]()
        self._rests_until = 0.0

    def ready(self, ids: Sequence[int]) -> Iterator[Sequence[int]]:
        """These deliveries as they are ready to be composed: all at once, or a few at a time while pages are set.

        No transaction is open meanwhile. Raises SQLAlchemyError.
        """
        pages = self._find(ids)
        if not pages:
            yield ids
            return
        for start in range(0, len(ids), TOGETHER):
            some = ids[start : start + TOGETHER]
            if theirs := [page for page in pages if page.delivery_id in some]:
                self._keep(self._set(theirs))
            yield some

    def _find(self, ids: Sequence[int]) -> list[Unset]:
        new = set(ids) - self._left if self._is_installed else set[int]()
        if not new:
            return []
        with self._database.reading() as session:
            return notice_pages.find_unset(session, new)

    def _set(self, pages: Sequence[Unset]) -> list[Made]:
        if time.monotonic() < self._rests_until:
            return [Made(page, None, STALLED) for page in pages]
        made = _try_to_set(pages)
        if not any(one.pdf for one in made) and any(one.fault == STALLED for one in made):
            self._rests_until = time.monotonic() + REST
        return made

    def _keep(self, made: Sequence[Made]) -> None:
        for one in made:
            if one.pdf is None:
                log.warning("notice-left-as-html", case=one.page.case, delivery=one.page.delivery_id, fault=one.fault)
        with self._database.begin() as session:
            notice_pages.keep_pages(session, made, holder=self._holder, by=SENDER, now=now(), real_now=real_now())
        self._left |= {one.page.delivery_id for one in made if one.pdf is None}


def _try_to_set(pages: Sequence[Unset]) -> list[Made]:
    try:
        answers = set_pages([Approved(one.html, one.queued_at) for one in pages])
    except Exception as error:  # noqa: BLE001 - a notice waits for no PDF
        return [Made(page, None, type(error).__name__) for page in pages]
    return [Made(page, one.pdf, one.fault) for page, one in zip(pages, answers, strict=True)]
