"""An IMAP server that says what a test wants it to: for the answers of servers that cannot be installed."""

import re
import socket
import threading
from typing import Self

LINE = re.compile(rb"(\S+) (?:UID )?(\S+)")
SELECTED = ["* 3 EXISTS", "* OK [UIDVALIDITY 7] .", "* OK [UIDNEXT 4] .", "OK [READ-WRITE] ."]
USUAL: dict[str, list[str] | list[bytes]] = {
    "CAPABILITY": ["* CAPABILITY IMAP4rev1 IDLE MOVE UIDPLUS AUTH=PLAIN", "OK ."],
    "LIST": ['* LIST (\\HasNoChildren) "/" INBOX', '* LIST () "/" Processed', "OK ."],
    "SELECT": SELECTED,
    "EXAMINE": [*SELECTED[:-1], "OK [READ-ONLY] ."],
    "SEARCH": ["* SEARCH 1 2 3", "OK ."],
    "IDLE": ["+ idling", "* 4 EXISTS", "OK ."],
}


class ScriptedImap:
    """Runs within `with`. `answers` holds, for each command, lines: untagged as they are, the last one gets the tag.

    A command without an answer gets OK; an answer "BYE" ends the connection after it; `heard` holds what came.
    """

    def __init__(self, greeting: str = "* OK ready", **answers: list[str] | list[bytes]) -> None:
        self.answers: dict[str, list[str] | list[bytes]] = USUAL | answers
        self.heard: list[str] = []
        self._greeting = greeting

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        try:
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()
        except OSError:
            return

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            try:
                connection.sendall(self._greeting.encode() + b"\r\n")
                for line in lines:
                    self._answer(connection, line)
            except OSError:
                return

    def _answer(self, connection: socket.socket, line: bytes) -> None:
        self.heard.append(line.decode("utf-8", "replace").strip())
        match = LINE.match(line)
        if not match:
            return
        tag, command = match[1], match[2].decode().upper()
        *untagged, last = [
            text.encode() if isinstance(text, str) else text for text in self.answers.get(command, ["OK ."])
        ]
        answer = b"".join(part + b"\r\n" for part in untagged)
        if last != b"BYE":
            answer += tag + b" " + last + b"\r\n"
        connection.sendall(answer)
        if last == b"BYE":
            connection.shutdown(socket.SHUT_RDWR)
