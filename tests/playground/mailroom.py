"""The page's mail: writes as a data subject by SMTP, reads any mailbox by IMAP, on the local mail host."""

import asyncio
import base64
import csv
import json
import os
import smtplib
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage, Message
from email.utils import formataddr, formatdate, make_msgid, parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import web
from imapclient import IMAPClient

from . import clock, letters, people

Json = dict[str, Any]
HOST, PASSWORD = "127.0.0.1", "playground"
EXAMPLES = Path(__file__).parent / "examples"
MOST_LISTED = 100
COMPANY = {
    people.DPO: "Data protection officer",
    people.DIRECTION: "Management",
    people.DRILL: "All mails of drills",
}
SAFE = {
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    "X-Content-Type-Options": "nosniff",
}


@dataclass
class Mailroom:
    """`writers` are those who wrote in this session, so that their answers can be read."""

    smtp_port: int
    imap_port: int
    customers: Path
    desk: str = "privacy@kavkom.example"
    writers: dict[str, str] = field(default_factory=dict)

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/desk/mailboxes", self.list_mailboxes)
        app.router.add_get("/desk/mail", self.list_letters)
        app.router.add_get("/desk/letter", self.show_letter)
        app.router.add_get("/desk/letter.html", self.show_html)
        app.router.add_get("/desk/part", self.show_part)
        app.router.add_post("/desk/send", self.send)

    async def list_mailboxes(self, _request: web.Request) -> web.Response:
        ready = await _beside(_read_ready_letters)
        boxes = await _beside(self._name_mailboxes, ready)
        return web.json_response({"mailboxes": boxes, "letters": ready})

    def _name_mailboxes(self, ready: list[Json]) -> list[Json]:
        authors = dict(parseaddr(each["from"])[::-1] for each in ready) | self.writers
        boxes = [_box("The desk", "Privacy Desk", self.desk)]
        boxes += [_box("Customers", _name(row), row["order_address"]) for row in read_customers(self.customers)]
        boxes += [_box("Staff", person.name, person.email) for person in people.STAFF]
        boxes += [_box("Staff", name, address) for address, name in COMPANY.items()]
        return boxes + [_box("Data subjects", name or address, address) for address, name in authors.items()]

    async def list_letters(self, request: web.Request) -> web.Response:
        return web.json_response({"letters": await _beside(self._list, request.query["address"])})

    def _list(self, address: str) -> list[Json]:
        with self._mailbox(address) as client:
            folders = sorted((str(name) for _, _, name in client.list_folders()), key=lambda name: name != "INBOX")
            found = [line for folder in folders for line in _list_folder(client, folder)]
        return sorted(found, key=lambda line: (-line["at"], -line["uid"]))

    async def show_letter(self, request: web.Request) -> web.Response:
        letter = await self._get_letter(request)
        return web.json_response(letters.describe(letter))

    async def show_html(self, request: web.Request) -> web.Response:
        text = letters.html(await self._get_letter(request))
        return web.Response(text=text, content_type="text/html", headers=SAFE)

    async def show_part(self, request: web.Request) -> web.Response:
        """An attachment, as a page without scripts, as text or as a file to keep; the browser runs nothing of it."""
        part = letters.attachments(await self._get_letter(request))[int(request.query["number"])]
        headers = dict(SAFE)
        if (kind := _shown_as(part)) == "application/octet-stream":
            headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(part.get_filename() or 'part')}"
        return web.Response(body=letters.content(part), content_type=kind, charset="utf-8", headers=headers)

    async def _get_letter(self, request: web.Request) -> Message:
        """The letter, or with `within=0` the letter attached to it as part 0."""
        query = request.query
        raw = await _beside(self._fetch, query["address"], query["folder"], int(query["uid"]))
        letter = letters.parse(raw)
        for number in filter(None, query.get("within", "").split(",")):
            inner = letters.attached_letter(letters.attachments(letter)[int(number)])
            if inner is None:
                raise web.HTTPNotFound(text="There is no letter in this attachment.")
            letter = inner
        return letter

    def _fetch(self, address: str, folder: str, uid: int) -> bytes:
        with self._mailbox(address) as client:
            client.select_folder(folder, readonly=True)
            found = client.fetch([uid], [b"BODY.PEEK[]"]).get(uid)
        if found is None:
            raise web.HTTPNotFound(text="This letter is not there any more.")
        return bytes(found[b"BODY[]"])

    async def send(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        try:
            letter = write_letter(wanted)
            await _beside(self._post, letter)
        except ValueError as problem:
            return web.json_response({"trouble": f"This cannot be sent: {problem}."}, status=400)
        except smtplib.SMTPException as refused:
            return web.json_response({"trouble": f"The mail host refused it: {refused}"}, status=502)
        name, address = parseaddr(wanted["from"])
        self.writers[address] = name
        return web.json_response({"sent": True})

    def _post(self, letter: EmailMessage) -> None:
        with smtplib.SMTP(HOST, self.smtp_port, timeout=10) as client:
            client.send_message(letter)

    @contextmanager
    def _mailbox(self, address: str) -> Any:
        with IMAPClient(HOST, self.imap_port, ssl=False, timeout=10) as client:
            client.login(address, PASSWORD)
            yield client


def write_letter(wanted: Json) -> EmailMessage:
    letter = EmailMessage()
    for name in ("from", "to", "subject"):
        if not str(wanted.get(name, "")).strip() and name != "subject":
            raise ValueError(f"the field “{name}” is empty")
    letter["From"] = formataddr(parseaddr(wanted["from"]))
    letter["To"], letter["Subject"] = wanted["to"], wanted.get("subject", "")
    letter["Date"] = formatdate(clock.now(), localtime=False)
    letter["Message-ID"] = make_msgid(domain="playground.example")
    for name, value in wanted.get("headers", {}).items():
        letter[name] = value
    letter.set_content(wanted.get("body", ""))
    if file := wanted.get("file"):
        content = base64.b64decode(file["content"], validate=True)
        maintype, _, subtype = str(file["type"] or "application/octet-stream").partition("/")
        letter.add_attachment(content, maintype, subtype, filename=str(file["name"]))
    return letter


def read_customers(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def _shown_as(part: Message) -> str:
    if part.get_content_type() == "text/html":
        return "text/html"
    return "text/plain" if part.get_content_maintype() in {"text", "message"} else "application/octet-stream"


def _read_ready_letters() -> list[Json]:
    ready: list[Json] = json.loads((EXAMPLES / "letters.json").read_text(encoding="utf-8"))
    return ready


def _name(row: dict[str, str]) -> str:
    bounces = row["order_address"] in os.environ.get("PLAYGROUND_BOUNCES", "").split()
    return f"{row['name']} (mails to it come back)" if bounces else row["name"]


def _box(group: str, name: str, address: str) -> Json:
    return {"group": group, "name": name, "address": address}


def _list_folder(client: Any, folder: str) -> list[Json]:
    client.select_folder(folder, readonly=True)
    uids = client.search("ALL")[-MOST_LISTED:]
    if not uids:
        return []
    found = client.fetch(uids, [b"BODY.PEEK[HEADER]", b"INTERNALDATE"])
    return [_line(folder, uid, data) for uid, data in found.items()]


def _line(folder: str, uid: int, data: Any) -> Json:
    letter = letters.parse(data[b"BODY[HEADER]"])
    heads = {name.lower(): letters.field(letter, name) for name in ("From", "To", "Subject")}
    return {"folder": folder, "uid": uid, "at": data[b"INTERNALDATE"].timestamp(), **heads}


async def _beside(work: Callable[..., Any], *arguments: Any) -> Any:
    """In a thread: smtplib, imapclient and files wait."""
    return await asyncio.to_thread(work, *arguments)


def open_mailroom() -> Mailroom | None:
    """None without PLAYGROUND_SMTP_PORT and PLAYGROUND_IMAP_PORT: a workspace alone has no mail."""
    ports = os.environ.get("PLAYGROUND_SMTP_PORT"), os.environ.get("PLAYGROUND_IMAP_PORT")
    if not ports[0] or not ports[1]:
        return None
    customers = Path(os.environ.get("PLAYGROUND_CUSTOMERS", EXAMPLES / "customers.csv"))
    desk = os.environ.get("MAIL_ADDRESS", Mailroom.desk)
    return Mailroom(int(ports[0]), int(ports[1]), customers, desk)
