"""Our own signed tags in addresses and identifiers; who calls it verifies each signature (storage/tokens.py)."""

import re
from collections.abc import Iterable, Iterator

_SIGNED = re.compile(r"[bcdmr]\.[0-9]{1,18}\.[a-z2-7]{10,40}")


def tagged(addresses: Iterable[str], tag: str) -> Iterator[str]:
    """The signed tags of a kind in plus-addresses."""
    for address in addresses:
        signed = address.lower().rpartition("@")[0].partition("+")[2]
        if signed.startswith(f"{tag}.") and _SIGNED.fullmatch(signed):
            yield signed


def signed_in(identifiers: Iterable[str]) -> Iterator[str]:
    """The signed tags in Message-IDs and envelope identifiers of ours."""
    for one in identifiers:
        signed = one.strip("<>").partition("@")[0].lower()
        if _SIGNED.fullmatch(signed):
            yield signed
