"""The sign of life that a monitor outside waits for (HEARTBEAT_URL): when it stays away, the monitor calls somebody."""

from http.client import HTTPException
from typing import IO
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

TIMEOUT = 10.0
"""Seconds."""


class _SameHost(HTTPRedirectHandler):
    """Follows a redirect within the host that was named, and none elsewhere: the URL is a secret."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: object, newurl: str
    ) -> Request | None:
        if _place(newurl) != _place(req.full_url):
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]  # urllib's headers


def ping(url: str) -> bool:
    """GET it once; whether it was answered with 2xx. Nothing is logged or raised that holds the URL."""
    try:
        with build_opener(_SameHost()).open(Request(url), timeout=TIMEOUT) as answer:  # noqa: S310 - settings.py checks the scheme
            return bool(200 <= answer.status < 300)
    except (URLError, OSError, HTTPException, ValueError):
        return False


def _place(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
