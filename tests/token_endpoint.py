"""A token endpoint on loopback: real HTTP, tokens are JWTs by HS256 that Dovecot can check by itself."""

import hmac
import json
import threading
import time
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import ceil
from typing import Any, Self
from urllib.parse import parse_qs

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

KEY = b"the key that the token endpoint and the servers share"
CLIENT = ("kavkom-desk", "client-secret-of-the-tests")
ACCOUNT = "desk@project.iam.gserviceaccount.example"


class TokenEndpoint:
    """Runs within `with`. Every field may be set while it runs."""

    def __init__(self, user: str) -> None:
        self.user = user
        """Whom the tokens are for, in the client credentials grant, which does not say."""
        self.life: float = 3600
        self.says_life: bool = True
        self.fails_with: tuple[int, dict[str, str]] | None = None
        """A status and headers to answer instead."""
        self.error = "invalid_client"
        self.key = KEY
        self.issued: list[str] = []
        self.asked: list[dict[str, str]] = []
        self.gate = threading.Event()
        """Cleared, the answers wait."""
        self.gate.set()
        self._account_key = rsa.generate_private_key(65537, 2048)

    def __enter__(self) -> Self:
        endpoint = self

        class Answers(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                endpoint._answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/token"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def microsoft(self, **changed: str) -> dict[str, str]:
        """OAUTH_… settings for this endpoint, without OAUTH_."""
        whole = {"provider": "microsoft", "tenant": "kavkom.example", "client_id": CLIENT[0]}
        return whole | {"client_secret": CLIENT[1], "token_url": self.url} | changed

    def google(self, **changed: str) -> dict[str, str]:
        whole = {"provider": "google", "service_account": self.service_account(), "token_url": self.url}
        return whole | changed

    def service_account(self) -> str:
        pem = self._account_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return json.dumps(
            {"type": "service_account", "client_email": ACCOUNT, "private_key_id": "k1", "private_key": pem}
        )

    def token(self, user: str, *, life: float = 3600) -> str:
        return make_jwt({"sub": user, "email": user, "exp": ceil(time.time() + life)}, self.key)

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers["Content-Length"])
        form = {name: values[0] for name, values in parse_qs(request.rfile.read(length).decode()).items()}
        self.asked.append(form)
        self.gate.wait(30)
        status, headers, body = self._judge(form)
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(json.dumps(body).encode())

    def _judge(self, form: dict[str, str]) -> tuple[int, dict[str, str], dict[str, Any]]:
        if self.fails_with:
            return *self.fails_with, {"error": self.error}
        by_assertion = form.get("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        user = self._subject(form["assertion"]) if by_assertion else self._client(form)
        if user is None:
            return 401, {}, {"error": self.error, "error_description": "AADSTS7000215: the secret is wrong"}
        token = self.token(user, life=self.life)
        self.issued.append(token)
        said = {"expires_in": self.life} if self.says_life else {}
        return 200, {"Content-Type": "application/json"}, {"access_token": token, "token_type": "Bearer"} | said

    def _client(self, form: dict[str, str]) -> str | None:
        right = (form.get("client_id"), form.get("client_secret")) == CLIENT
        return self.user if right and form.get("scope") == "https://outlook.office365.com/.default" else None

    def _subject(self, assertion: str) -> str | None:
        """Whom the assertion is about; the signature is checked with the account's public key."""
        signed, _, signature = assertion.rpartition(".")
        self._account_key.public_key().verify(_decoded(signature), signed.encode(), PKCS1v15(), SHA256())
        head, claims = (json.loads(_decoded(part)) for part in signed.split("."))
        assert head == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
        assert claims["exp"] - claims["iat"] == 3600
        assert abs(claims["iat"] - time.time()) < 60
        right = (claims["iss"], claims["aud"], claims["scope"]) == (ACCOUNT, self.url, "https://mail.google.com/")
        return str(claims["sub"]) if right else None


def make_jwt(claims: dict[str, Any], key: bytes) -> str:
    signed = ".".join(_encoded(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return f"{signed}.{_encoded(hmac.digest(key, signed.encode(), 'sha256'))}"


def read_jwt(token: str, key: bytes = KEY) -> dict[str, Any] | None:
    """The claims of a token that is ours and still valid."""
    signed, _, signature = token.rpartition(".")
    if not hmac.compare_digest(_encoded(hmac.digest(key, signed.encode(), "sha256")), signature):
        return None
    claims: dict[str, Any] = json.loads(_decoded(signed.partition(".")[2]))
    return claims if claims["exp"] > time.time() else None


def dovecot_key() -> str:
    """KEY as Dovecot reads it from its key folder."""
    return b64encode(KEY).decode()


def _encoded(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
