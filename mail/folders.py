"""The folders of a mailbox: which is Junk, which holds what was sent (SPECIAL-USE, RFC 6154), and where ours stand."""

import imaplib
from dataclasses import dataclass, field

from imapclient import IMAPClient

JUNK_WORDS = ("junk", "spam", "indésirable")
Listed = tuple[tuple[bytes, ...], bytes | None, str]
"""Flags, delimiter and name."""

SENT_NAMES = ("sent", "sent items", "sent mail", "sent messages", "éléments envoyés", "messages envoyés", "envoyés")


@dataclass(frozen=True)
class Folder:
    """One that can be opened; its flags in lower case, such as \\junk."""

    name: str
    flags: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Folders:
    """What LIST and NAMESPACE say: names, special uses, and what the names of our own folders begin with."""

    all: tuple[Folder, ...] = ()
    prefix: str = ""
    delimiter: str = "/"
    _names: frozenset[str] = field(init=False, default=frozenset(), repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_names", frozenset(folder.name for folder in self.all))

    def find(self, name: str) -> str | None:
        """The folder that is meant: of this name, of this name below our prefix, or the one used as Junk."""
        if name.upper() == "INBOX":
            return "INBOX"
        found = [spelt for spelt in self._spellings(name) if spelt in self._names]
        if not found and is_junk_name(name):
            return self._used_as("\\junk")
        return found[0] if found else None

    def own(self, name: str) -> str:
        """Where a folder of ours stands, or is to be made."""
        return self.find(name) or self._spellings(name)[-1]

    def is_junk(self, name: str) -> bool:
        """Whether a folder is where the provider puts what it takes for spam: it says so, or the name does."""
        here = self.find(name)
        special = self._used_as("\\junk")
        return here == special if special and here else is_junk_name(here or name)

    def sent(self) -> str | None:
        """The folder that holds what was sent."""
        by_name = {folder.name.removeprefix(self.prefix).casefold(): folder.name for folder in self.all}
        return self._used_as("\\sent") or next((by_name[name] for name in SENT_NAMES if name in by_name), None)

    def _spellings(self, name: str) -> list[str]:
        """As it was set, with this server's delimiter, and below the prefix."""
        here = name.replace("/", self.delimiter)
        return [name, here, here if here.startswith(self.prefix) else self.prefix + here]

    def _used_as(self, use: str) -> str | None:
        return next((folder.name for folder in self.all if use in folder.flags), None)


def is_junk_name(name: str) -> bool:
    """Whether a name alone says that this is where spam goes."""
    return any(word in name.casefold() for word in JUNK_WORDS)


def read_folders(client: IMAPClient) -> Folders:
    """Ask the server. One that does not answer these questions well has no special folders."""
    prefix, delimiter = _namespace(client)
    listed = _list(client)
    delimiters = [found for _, found, _ in listed if found]
    selectable = (
        Folder(name, frozenset(flag.decode("ascii", "replace").lower() for flag in flags)) for flags, _, name in listed
    )
    return Folders(
        tuple(folder for folder in selectable if not folder.flags & {"\\noselect", "\\nonexistent"}),
        prefix,
        delimiter or (delimiters[0].decode("ascii", "replace") if delimiters else "/"),
    )


def _namespace(client: IMAPClient) -> tuple[str, str | None]:
    """What the names of our own folders begin with, and the delimiter."""
    if not client.has_capability("NAMESPACE"):
        return "", None
    try:
        personal = client.namespace().personal
    except imaplib.IMAP4.abort:
        raise
    except (imaplib.IMAP4.error, ValueError, LookupError, TypeError):
        personal = None
    return personal[0] if personal else ("", None)


def _list(client: IMAPClient) -> list[Listed]:
    """All folders; those that say their use only when asked are asked (RFC 6154 section 5)."""
    can_ask = client.has_capability("SPECIAL-USE") and client.has_capability("LIST-EXTENDED")
    found = _listed(client, '"*" RETURN (SPECIAL-USE)') if can_ask else None
    return (_listed(client, '"*"') or []) if found is None else found


def _listed(client: IMAPClient, what: str) -> list[Listed] | None:
    """None when the server refuses; the end of the connection is no refusal."""
    try:
        typ, _ = client._imap._simple_command("LIST", '""', what)
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error:
        return None
    _, found = client._imap._untagged_response(typ, [None], "LIST")
    return list(client._proc_folder_list(found)) if typ == "OK" else None
