"""Western European text, changed a character at a time at the speed of bytes."""

from collections.abc import Callable, Iterator

_CODECS = ("latin-1", "cp1252")
_NONE = b"\0"


class Table:
    """A change of single characters, for texts that are all Latin-1 or all windows-1252.

    Most become another character; some become several, which the change then leaves as they are (`ß`, `ss`).
    """

    def __init__(self, change: Callable[[str], str]) -> None:
        self._octets = {codec: bytes(_changed(change, codec)) for codec in _CODECS}
        several = {character: change(character) for character in bytes(range(128, 256)).decode("cp1252", "ignore")}
        self._several = {one: many for one, many in several.items() if len(many) > 1 and change(many) == many}

    def apply(self, text: str) -> str | None:
        """The text changed; None when it has characters beyond these, or one that the change makes something else."""
        changed = self._apply(text)
        return self._apply(self._spelled_out(text)) if changed is None else changed

    def _apply(self, text: str) -> str | None:
        for codec, octets in self._octets.items():
            try:
                changed = text.encode(codec).translate(octets)
            except UnicodeEncodeError:
                continue
            return None if _NONE in changed else changed.decode(codec)
        return None

    def _spelled_out(self, text: str) -> str:
        for one, many in self._several.items():
            text = text.replace(one, many)
        return text


def is_latin(text: str) -> bool:
    """Whether a text is all Latin-1: quicker told than whether it has a letter of any other alphabet."""
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def _changed(change: Callable[[str], str], codec: str) -> Iterator[int]:
    for octet in range(256):
        character = bytes([octet]).decode(codec, "ignore")
        changed = change(character).encode(codec, "ignore") if character else _NONE
        yield changed[0] if len(changed) == 1 == len(change(character)) else _NONE[0]
