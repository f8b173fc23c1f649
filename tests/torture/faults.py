"""What goes wrong around the processes: mailboxes that are renumbered, connections that are cut, stalled and reset."""

import random
import threading
from collections.abc import Sequence
from contextlib import suppress

from tests.playground.mailhost import imap_login
from tests.servers import SECRET, Direction, Dovecot, Ending, Proxy, wait_until

DIRECTIONS: tuple[Direction, ...] = ("to_server", "to_client")
ENDINGS: tuple[Ending, ...] = ("close", "reset", "black_hole")
FINAL_DOT = b"\r\n.\r\n"


def change_uidvalidity(dovecot: Dovecot, address: str, folder: str = "INBOX") -> None:
    """As after a restored backup: another UIDVALIDITY, and every mail has a new UID.

    Dovecot numbers a Maildir anew when its list of UIDs and its indexes are gone; open sessions end with an error.
    """
    home = dovecot.folder / "home" / address / "Maildir"
    place = home if folder == "INBOX" else home / f".{folder}"
    before = read_uidvalidity(dovecot, address, folder)
    for path in (place / "dovecot-uidlist", *place.glob("dovecot.index*")):
        with suppress(FileNotFoundError):
            path.unlink()
    wait_until(lambda: read_uidvalidity(dovecot, address, folder) != before, "another UIDVALIDITY")


def read_uidvalidity(dovecot: Dovecot, address: str, folder: str = "INBOX") -> int:
    with imap_login(dovecot.imap_port, address, SECRET) as client:
        client.select(f'"{folder}"', readonly=True)
        [value] = client.response("UIDVALIDITY")[1]
        return int(value or 0)


class Gremlin:
    """Cuts, resets and stalls what passes through some proxies, at random instants, while its block lasts."""

    def __init__(self, proxies: Sequence[Proxy], chance: random.Random) -> None:
        self._proxies, self._chance = proxies, chance
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._play, daemon=True)
        self.tricks = 0

    def __enter__(self) -> "Gremlin":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Everything flows again."""
        self._stop.set()
        self._thread.join()
        for proxy in self._proxies:
            proxy.resume()

    def _play(self) -> None:
        while not self._stop.wait(self._chance.uniform(0.2, 1.5)):
            self._trick(self._chance.choice(self._proxies))
            self.tricks += 1

    def _trick(self, proxy: Proxy) -> None:
        ending: Ending = self._chance.choice(ENDINGS)
        chance = self._chance.random()
        if chance < 0.25:
            proxy.reset() if ending == "reset" else proxy.close()
        elif chance < 0.5:
            proxy.cut_after(FINAL_DOT, "to_server", ending)
        elif chance < 0.75:
            proxy.cut_after(self._chance.randint(1, 5_000), self._chance.choice(DIRECTIONS), ending)
        else:
            proxy.black_hole()
        if ending == "black_hole" or chance >= 0.75:
            self._stop.wait(self._chance.uniform(0.5, 2.5))
            proxy.resume()
