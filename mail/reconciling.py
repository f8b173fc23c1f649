"""Every hour all mails of a mailbox are compared with SQL: what it does not know is taken in, and said.

A mail may have been skipped by a server's mistake, or put back by a person; a silent skip would never be noticed.
"""

from collections.abc import Callable

import structlog

from mail.intake import Intake, nothing
from mail.mailbox import PROCESSED, NoSuchFolder
from mail.settings import MailboxSettings
from storage import marks, restored
from storage.clock import now, real_now
from storage.database import Database

log = structlog.get_logger()


def reconcile(
    database: Database, intake: Intake, mailbox: MailboxSettings, advance: Callable[[int], None] = nothing
) -> int:
    """Compare the intake folders and Processed with SQL; how many mails were missing from it. Raises as Mailbox."""
    folders = (*mailbox.folders, PROCESSED)
    total = sum(_missing(intake, folder, advance) for folder in folders)
    for folder in folders:
        intake.end_unfinished(folder)
    say = log.warning if total else log.info
    say("mailbox-compared", mailbox=mailbox.account, missing=total)
    with database.begin() as session:
        marks.put(session, marks.compared(mailbox.account), str(total), now=real_now())
        restored.record_compared(session, mailbox.account, now=now())
    return total


def _missing(intake: Intake, folder: str, advance: Callable[[int], None]) -> int:
    try:
        return intake.sweep(folder, advance=advance)
    except NoSuchFolder:
        return 0
