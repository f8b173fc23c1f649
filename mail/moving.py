"""Moving mails out of a folder: by MOVE, or by COPY and an EXPUNGE of exactly these, or not at all."""

import imaplib
from collections.abc import Callable, Collection, Sequence

from imapclient import IMAPClient

from mail.uidsets import Moved, chunked, read_copyuid

How = Callable[[IMAPClient, Sequence[int], str], None]


def _by_move(client: IMAPClient, uids: Sequence[int], folder: str) -> None:
    client.move(uids, folder)


def _by_copy(client: IMAPClient, uids: Sequence[int], folder: str) -> None:
    """Only what was copied is deleted, and of what is deleted only these are expunged (RFC 4315 section 2.1)."""
    client.copy(uids, folder)
    client.add_flags(uids, [b"\\Deleted"], silent=True)
    client.uid_expunge(uids)


def move(client: IMAPClient, uids: Sequence[int], folder: str, *, can: Collection[bytes]) -> Moved | None:
    """Where the mails went; None when they stay, because the server cannot move or does not let us.

    Raises what imaplib and the socket raise when the connection is lost.
    """
    how = _by_move if b"MOVE" in can else _by_copy if b"UIDPLUS" in can else None
    if how is None:
        return None
    moved = Moved()
    for some in chunked(uids):
        part = _moved(client, some, folder, how)
        if part is None:
            return None if not moved.uids else moved
        moved = Moved(part.uidvalidity or moved.uidvalidity, moved.uids | part.uids)
    return moved


def _moved(client: IMAPClient, uids: Sequence[int], folder: str, how: How) -> Moved | None:
    """One command's worth; a folder that vanished is made anew, once."""
    for last_try in (False, True):
        client._imap.untagged_responses.pop("COPYUID", None)
        client._imap.untagged_responses.pop("TRYCREATE", None)
        try:
            how(client, uids, folder)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:
            if last_try or not _made_anew(client, folder):
                return None
        else:
            return read_copyuid(client._imap.response("COPYUID")[1], uids)
    return None


def _made_anew(client: IMAPClient, folder: str) -> bool:
    if "TRYCREATE" not in client._imap.untagged_responses:
        return False
    try:
        client.create_folder(folder)
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error:
        return False
    return True
