"""Waiting by IDLE (RFC 2177), with lines of our own: IMAPClient's idle_check() swallows the end of a connection,
misses what came with "+ idling", and its idle() fails when a notice comes before it."""

import select
import socket
import ssl

from imapclient import IMAPClient

from mail import connecting

IDLE_AT_MOST = 240
"""Seconds: servers may drop an IDLE after 30 minutes, middleboxes much sooner; only ending it shows a black hole."""


def changes_told(client: IMAPClient) -> tuple[int | None, int]:
    """What any command since SELECT told of the folder: how many mails it holds, and how many went away."""
    told = client._imap.untagged_responses
    exists = told.get("EXISTS")
    return int(exists[-1]) if exists else None, len(told.get("EXPUNGE", ()))


def listen(client: IMAPClient, seconds: float) -> bool:
    """Wait until the server says something, at most `seconds`; False when it refuses IDLE.

    Raises what imaplib and the socket raise.
    """
    imap = client._imap
    client._idle_tag = tag = imap._command("IDLE")
    spoke = False
    while imap._get_response() is not None:
        if imap.tagged_commands[tag]:
            return False
        spoke = True
    try:
        if not spoke:
            _wait(client, min(seconds, IDLE_AT_MOST))
    finally:
        client.idle_done()
    return True


def _wait(client: IMAPClient, seconds: float) -> None:
    """Return when there is something to read, already buffered or newly arrived."""
    connection = client.socket()
    connection.settimeout(0)
    try:
        if not _is_buffered(client):
            _poll(connection, seconds)
    finally:
        connection.settimeout(connecting.READ_TIMEOUT)


def _is_buffered(client: IMAPClient) -> bool:
    try:
        return bool(client._imap.file.peek(1))  # the only way to see what imaplib has read ahead
    except (BlockingIOError, ssl.SSLWantReadError):
        return False


def _poll(connection: socket.socket, seconds: float) -> None:
    poller = select.poll()
    poller.register(connection, select.POLLIN)
    poller.poll(max(0, seconds) * 1000)
