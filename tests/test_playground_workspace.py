"""The local workspace is at least as strict as Slack: shown with Slack's own client and Bolt, over real sockets."""

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from slack_bolt import App
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

from tests.playground import people
from tests.playground.connecting import connected
from tests.playground.desk_routes import add_desk_routes
from tests.playground.refusals import NotDelivered
from tests.playground.workspace import Timing, Workspace

ANNE, BORIS, GUEST = "U01ANNE", "U02BORIS", "U09GUEST"
MANIFEST: dict[str, Any] = {
    "features": {
        "app_home": {"home_tab_enabled": True},
        "slash_commands": [{"command": "/dsr", "description": "Requests"}],
        "shortcuts": [{"name": "Report", "type": "global", "callback_id": "report"}],
    },
    "oauth_config": {"scopes": {"bot": ["chat:write", "commands", "users:read", "groups:read", "im:write"]}},
    "settings": {
        "event_subscriptions": {"bot_events": ["app_home_opened"]},
        "interactivity": {"is_enabled": True},
        "socket_mode_enabled": True,
    },
}


def plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


def button(text: str = "Go", action_id: str = "go", value: str = "1") -> dict[str, Any]:
    return {"type": "button", "text": plain(text), "action_id": action_id, "value": value}


def actions(*elements: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"type": "actions", "elements": list(elements)}]


def field(block_id: str, element: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "input", "block_id": block_id, "label": plain(block_id), "element": element, **more}


FORM = {
    "type": "modal",
    "callback_id": "form",
    "title": plain("A form"),
    "submit": plain("Send"),
    "blocks": [
        field("when", {"type": "datetimepicker", "action_id": "when"}),
        field("what", {"type": "plain_text_input", "action_id": "what", "multiline": True}),
        field(
            "customers",
            {"type": "multi_external_select", "action_id": "customers", "min_query_length": 1},
            optional=True,
        ),
    ],
}
BARE = {"type": "modal", "title": plain("Bare"), "blocks": [{"type": "divider"}]}


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(MANIFEST))
    return path


@pytest.fixture
def workspace(manifest: Path) -> Iterator[Workspace]:
    with Workspace(manifest, timing=Timing(patience=0.3, redeliver_after=0.1)) as workspace:
        yield workspace


@pytest.fixture
def client(workspace: Workspace) -> WebClient:
    return WebClient(workspace.bot_token, base_url=workspace.api_url, retry_handlers=[])


@pytest.fixture
def app(client: WebClient) -> App:
    return App(client=client, token_verification_enabled=False, process_before_response=True)


def refusal(error: pytest.ExceptionInfo[SlackApiError]) -> str:
    return str(error.value.response["error"])


def test_a_message_comes_back_with_every_block_named(workspace: Workspace, client: WebClient) -> None:
    client.chat_postMessage(channel=workspace.channel, text="hello", blocks=actions(button()))

    (message,) = workspace.messages()
    assert message.text == "hello"
    assert message.blocks[0]["block_id"]


def test_a_message_without_text_is_refused(workspace: Workspace, client: WebClient) -> None:
    body = {"channel": workspace.channel, "blocks": actions(button())}

    with pytest.raises(SlackApiError) as error:
        client.api_call("chat.postMessage", json=body)

    assert refusal(error) == "no_text"


@pytest.mark.parametrize(
    "blocks",
    [
        [{"type": "divider"}] * 51,
        [{"type": "header", "text": plain("x" * 151)}],
        [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}],
        [{"type": "section", "text": plain("x" * 3001)}],
        [{"type": "section", "fields": [plain("x" * 2001)]}],
        [{"type": "section"}],
        actions(button(text="x" * 76)),
        actions(button(value="x" * 2001)),
        actions(button(action_id="x" * 256)),
        actions(button(), button()),
        actions({"type": "datetime", "action_id": "x"}),
        actions({"type": "static_select", "action_id": "x", "options": [{"text": plain("x"), "value": "x" * 76}]}),
        actions({"type": "external_select", "action_id": "x", "placeholder": plain("x" * 151)}),
        [{"type": "divider", "block_id": "a"}, {"type": "divider", "block_id": "a"}],
        [{"type": "marquee"}],
        [field("a", {"type": "plain_text_input", "action_id": "a"})],
        [{"type": "divider", "colour": "red"}],
        "blocks",
        [None],
    ],
)
def test_blocks_beyond_a_limit_are_refused(workspace: Workspace, client: WebClient, blocks: Any) -> None:
    with pytest.raises(SlackApiError) as error:
        client.chat_postMessage(channel=workspace.channel, text="x", blocks=json.dumps(blocks))

    assert refusal(error) == "invalid_blocks"


def test_blocks_at_the_limit_are_accepted(workspace: Workspace, client: WebClient) -> None:
    blocks = [{"type": "divider"}] * 47 + [{"type": "header", "text": plain("x" * 150)}]
    blocks += [{"type": "section", "text": plain("x" * 3000)}, *actions(button("x" * 75, "x" * 255, "x" * 2000))]

    client.chat_postMessage(channel=workspace.channel, text="x" * 40_000, blocks=blocks)

    assert len(workspace.messages()) == 1


def test_a_text_of_forty_thousand_and_one_characters_is_too_long(workspace: Workspace, client: WebClient) -> None:
    with pytest.raises(SlackApiError) as error:
        client.chat_postMessage(channel=workspace.channel, text="x" * 40_001)

    assert refusal(error) == "msg_too_long"


@pytest.mark.parametrize(
    ("channel", "code"),
    [("C404", "channel_not_found"), ("C02GENERAL", "not_in_channel"), ("U06DELETED", "channel_not_found")],
)
def test_a_channel_out_of_reach_is_refused(client: WebClient, channel: str, code: str) -> None:
    with pytest.raises(SlackApiError) as error:
        client.chat_postMessage(channel=channel, text="x")

    assert refusal(error) == code


def test_an_archived_channel_is_refused(workspace: Workspace, client: WebClient) -> None:
    workspace.archive()

    with pytest.raises(SlackApiError) as error:
        client.chat_postMessage(channel=workspace.channel, text="x")

    assert refusal(error) == "is_archived"


def test_a_missing_scope_says_what_is_needed_and_what_is_there(client: WebClient) -> None:
    with pytest.raises(SlackApiError) as error:
        client.conversations_info(channel="D01ANNE")

    assert refusal(error) == "missing_scope"
    assert error.value.response["needed"] == "im:read"
    assert "chat:write" in error.value.response["provided"]


@pytest.mark.parametrize(
    ("token", "method", "code"),
    [
        ("xoxb-somebody", "auth.test", "invalid_auth"),
        ("xapp-playground-app-token", "auth.test", "not_allowed_token_type"),
        ("xoxb-playground-bot-token", "apps.connections.open", "not_allowed_token_type"),
        ("xoxb-playground-bot-token", "chat.dance", "unknown_method"),
        ("", "auth.test", "not_authed"),
    ],
)
def test_each_method_wants_its_own_token(workspace: Workspace, token: str, method: str, code: str) -> None:
    client = WebClient(token, base_url=workspace.api_url)

    with pytest.raises(SlackApiError) as error:
        client.api_call(method)

    assert refusal(error) == code


def test_a_revoked_token_is_refused(workspace: Workspace, client: WebClient) -> None:
    workspace.revoke_token()

    with pytest.raises(SlackApiError) as error:
        client.auth_test()

    assert refusal(error) == "token_revoked"


def test_throttling_is_429_with_retry_after_and_then_over(workspace: Workspace, client: WebClient) -> None:
    workspace.throttle("chat.postMessage", retry_after=7)

    with pytest.raises(SlackApiError) as error:
        client.chat_postMessage(channel=workspace.channel, text="x")

    assert (error.value.response.status_code, error.value.response.headers["Retry-After"]) == (429, "7")
    client.chat_postMessage(channel=workspace.channel, text="x")


def test_a_fifth_post_at_once_is_too_fast(manifest: Path) -> None:
    with Workspace(manifest, rate_limits=True) as workspace:
        client = WebClient(workspace.bot_token, base_url=workspace.api_url)
        for number in range(4):
            client.chat_postMessage(channel=workspace.channel, text=str(number))

        with pytest.raises(SlackApiError) as error:
            client.chat_postMessage(channel=workspace.channel, text="4")

    assert refusal(error) == "ratelimited"


def test_an_update_that_forgets_the_blocks_is_refused(workspace: Workspace, client: WebClient) -> None:
    posted = client.chat_postMessage(channel=workspace.channel, text="x", blocks=actions(button()))

    with pytest.raises(SlackApiError) as error:
        client.chat_update(channel=workspace.channel, ts=posted["ts"], text="y")

    assert refusal(error) == "invalid_arguments"


def test_a_thread_hangs_on_its_parent_and_never_on_a_reply(workspace: Workspace, client: WebClient) -> None:
    parent = client.chat_postMessage(channel=workspace.channel, text="x")["ts"]
    reply = client.chat_postMessage(channel=workspace.channel, text="y", thread_ts=parent, reply_broadcast=True)["ts"]

    with pytest.raises(SlackApiError) as error:
        client.chat_postMessage(channel=workspace.channel, text="z", thread_ts=reply)

    assert refusal(error) == "cannot_reply_to_message"
    assert [each.text for each in workspace.messages(thread=parent)] == ["y"]


def test_a_message_to_a_user_is_a_direct_message(workspace: Workspace, client: WebClient) -> None:
    channel = client.conversations_open(users=ANNE)["channel"]["id"]

    client.chat_postMessage(channel=channel, text="one")
    client.chat_postMessage(channel=ANNE, text="two")

    assert [each.text for each in workspace.direct_messages(ANNE)] == ["one", "two"]


def test_a_command_opens_a_form_and_its_answer_is_seen_by_one(workspace: Workspace, app: App) -> None:
    @app.command("/dsr")
    def answer(ack: Any, body: Any, client: WebClient) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=FORM)
        ack(f"for {body['text']}")

    with connected(app, workspace):
        reply = workspace.command(ANNE, "/dsr DSR-2026-0042")

    assert reply.text == "for DSR-2026-0042"
    assert reply.view is not None
    assert [each.text for each in workspace.ephemerals(ANNE)] == ["for DSR-2026-0042"]
    assert workspace.ephemerals(BORIS) == []


def test_a_command_nobody_acknowledges_times_out_and_is_not_sent_again(workspace: Workspace, app: App) -> None:
    seen = []

    @app.command("/dsr")
    def ignore(body: Any) -> None:
        seen.append(body["trigger_id"])

    with connected(app, workspace):
        reply = workspace.command(ANNE, "/dsr")

    assert reply.timed_out
    assert reply.trouble == '/dsr failed with the error "operation_timeout"'
    assert len(seen) == 1


def test_a_command_while_nobody_listens_fails_at_once(workspace: Workspace) -> None:
    assert workspace.command(ANNE, "/dsr").trouble == '/dsr failed with the error "dispatch_failed"'


def test_an_undeclared_command_is_never_delivered(workspace: Workspace) -> None:
    with pytest.raises(NotDelivered):
        workspace.command(ANNE, "/breach")


def test_a_trigger_is_good_once(workspace: Workspace, app: App) -> None:
    codes = []

    @app.command("/dsr")
    def open_twice(ack: Any, body: Any, client: WebClient) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=BARE)
        try:
            client.views_open(trigger_id=body["trigger_id"], view=BARE)
        except SlackApiError as refused:
            codes.append(refused.response["error"])
        ack()

    with connected(app, workspace):
        workspace.command(ANNE, "/dsr")

    assert codes == ["exchanged_trigger_id"]


def test_a_trigger_expires(workspace: Workspace, client: WebClient) -> None:
    trigger = workspace.model.make_trigger(ANNE)
    workspace.model.triggers[trigger].expires -= 3.1

    with pytest.raises(SlackApiError) as error:
        client.views_open(trigger_id=trigger, view=BARE)

    assert refusal(error) == "expired_trigger_id"


def test_a_fourth_view_does_not_fit_on_the_stack(workspace: Workspace, client: WebClient) -> None:
    for _ in range(3):
        client.views_open(trigger_id=workspace.model.make_trigger(ANNE), view=BARE)

    with pytest.raises(SlackApiError) as error:
        client.views_open(trigger_id=workspace.model.make_trigger(ANNE), view=BARE)

    assert refusal(error) == "push_limit_reached"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"submit": None}, "invalid_arguments"),
        ({"title": plain("x" * 25)}, "invalid_arguments"),
        ({"private_metadata": "x" * 3001}, "invalid_arguments"),
        ({"blocks": [{"type": "divider"}] * 101}, "invalid_arguments"),
        ({"blocks": [{"type": "section", "text": plain("é" * 3000)}] * 42}, "view_too_large"),
        ({"type": "home"}, "invalid_arguments"),
        ({"blocks": []}, "invalid_arguments"),
    ],
)
def test_views_beyond_a_limit_are_refused(
    workspace: Workspace, client: WebClient, change: dict[str, Any], code: str
) -> None:
    view = {key: value for key, value in (FORM | change).items() if value is not None}

    with pytest.raises(SlackApiError) as error:
        client.views_open(trigger_id=workspace.model.make_trigger(ANNE), view=view)

    assert refusal(error) == code


@pytest.fixture
def form_app(app: App) -> App:
    """Opens FORM on /dsr; refuses the word `wrong`; remembers what it was sent in `app.submitted`."""

    @app.command("/dsr")
    def open_form(ack: Any, body: Any, client: WebClient) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=FORM)
        ack()

    @app.options("customers")
    def offer(ack: Any, body: Any) -> None:
        names = [name for name in ("Garage Dupont", "Hôtel Bellevue") if body["value"].lower() in name.lower()]
        ack(options=[{"text": plain(name), "value": name.split()[-1]} for name in names])

    @app.view("form")
    def submit(ack: Any, view: Any) -> None:
        values = view["state"]["values"]
        if values["what"]["what"]["value"] == "wrong":
            ack(response_action="errors", errors={"what": "Not this word."})
        elif values["what"]["what"]["value"] == "nowhere":
            ack(response_action="errors", errors={"elsewhere": "No such field."})
        else:
            said = json.dumps(values)
            ack(response_action="update", view=BARE | {"private_metadata": said})

    return app


def test_a_submission_carries_what_was_typed_and_chosen(workspace: Workspace, form_app: App) -> None:
    at = datetime(2026, 10, 25, 15, 40, 59, tzinfo=UTC)
    with connected(form_app, workspace):
        view = workspace.command(ANNE, "/dsr").view
        assert view is not None

        reply = workspace.submit(ANNE, view, {"when": at, "what": "a laptop", "customers": ["Dupont"]})

    assert reply.view is not None
    values = json.loads(reply.view["private_metadata"])
    assert values["when"]["when"]["selected_date_time"] == int(at.timestamp()) - 59
    assert values["what"]["what"] == {"type": "plain_text_input", "value": "a laptop"}
    assert [each["text"]["text"] for each in values["customers"]["customers"]["selected_options"]] == ["Garage Dupont"]


def test_errors_stand_beside_the_field_and_the_modal_stays(workspace: Workspace, form_app: App) -> None:
    with connected(form_app, workspace):
        view = workspace.command(ANNE, "/dsr").view
        assert view is not None
        reply = workspace.submit(ANNE, view, {"when": 1793000000, "what": "wrong"})

    assert reply.errors == {"what": "Not this word."}
    kept = workspace.view_of(ANNE)
    assert kept is not None
    assert kept["state"]["values"]["what"]["what"]["value"] == "wrong"


def test_errors_for_an_unknown_field_are_trouble(workspace: Workspace, form_app: App) -> None:
    with connected(form_app, workspace):
        view = workspace.command(ANNE, "/dsr").view
        assert view is not None
        reply = workspace.submit(ANNE, view, {"when": 1793000000, "what": "nowhere"})

    assert "trouble connecting" in reply.trouble
    assert reply.errors == {}


def test_an_empty_required_field_is_never_sent(workspace: Workspace, form_app: App) -> None:
    with connected(form_app, workspace):
        view = workspace.command(ANNE, "/dsr").view
        assert view is not None
        reply = workspace.submit(ANNE, view, {"what": "a laptop"})

    assert not reply.sent
    assert reply.errors == {"when": "Please complete this required field."}


def test_the_typeahead_offers_and_a_stranger_to_it_cannot_be_chosen(workspace: Workspace, form_app: App) -> None:
    with connected(form_app, workspace):
        view = workspace.command(ANNE, "/dsr").view
        assert view is not None
        assert [each["value"] for each in workspace.suggest(ANNE, view, "customers", "h")] == ["Bellevue"]

        with pytest.raises(AssertionError, match="offers no 'Nobody'"):
            workspace.submit(ANNE, view, {"customers": "Nobody"})


def test_a_button_carries_the_message_as_it_was_seen(workspace: Workspace, app: App, client: WebClient) -> None:
    clicked = []

    @app.action("go")
    def note(ack: Any, body: Any, respond: Any) -> None:
        clicked.append((body["actions"][0]["value"], body["message"]["text"], body["user"]["id"]))
        respond(text="Noted.", response_type="ephemeral")
        ack()

    posted = client.chat_postMessage(channel=workspace.channel, text="old", blocks=actions(button(value="v1")))
    (seen,) = workspace.messages()
    client.chat_update(channel=workspace.channel, ts=posted["ts"], text="new", blocks=actions(button(value="v2")))
    with connected(app, workspace):
        reply = workspace.click(BORIS, seen, "go")

    assert clicked == [("v1", "old", BORIS)]
    assert [each.text for each in reply.ephemerals] == ["Noted."]


def test_home_is_published_when_it_is_opened(workspace: Workspace, app: App) -> None:
    @app.event("app_home_opened")
    def publish(event: Any, client: WebClient) -> None:
        client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [{"type": "divider"}]})

    with connected(app, workspace):
        home = workspace.open_home(ANNE)

    assert home["blocks"][0]["type"] == "divider"


def test_an_event_is_sent_again_after_a_failure(workspace: Workspace, app: App) -> None:
    attempts = []

    @app.middleware
    def fail_once(next_: Any, body: Any) -> Any:
        attempts.append(body["event_id"])
        return next_() if len(attempts) > 1 else None

    @app.event("app_home_opened")
    def accept() -> None:
        pass

    with connected(app, workspace):
        workspace.open_home(ANNE)

    assert len(attempts) == 2
    assert len(set(attempts)) == 1


def test_two_connections_share_the_work_and_come_back_when_asked(workspace: Workspace, app: App) -> None:
    app.command("/dsr")(lambda ack: ack("still here"))

    with connected(app, workspace, handlers=2):
        workspace.drop_sockets(politely=True)
        workspace.await_connection(2)
        replies = [workspace.command(ANNE, "/dsr").text for _ in range(4)]

    assert replies == ["still here"] * 4


def test_a_torn_connection_fails_the_gesture_that_was_on_it(workspace: Workspace, app: App) -> None:
    @app.command("/dsr")
    def tear(ack: Any) -> None:
        workspace.drop_sockets()
        ack("too late")

    with connected(app, workspace):
        reply = workspace.command(ANNE, "/dsr")

    assert reply.timed_out
    assert workspace.ephemerals(ANNE) == []


def test_a_shortcut_opens_a_form_for_a_member_who_is_not_staff(workspace: Workspace, app: App) -> None:
    @app.shortcut("report")
    def report(ack: Any, body: Any, client: WebClient) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=BARE)
        ack()

    with connected(app, workspace):
        reply = workspace.shortcut("U08MEMBER", "report")

    assert reply.view is not None
    assert reply.view["title"]["text"] == "Bare"


def test_everything_the_bot_ever_sent_is_kept_as_text(workspace: Workspace, app: App, client: WebClient) -> None:
    app.command("/dsr")(lambda ack: ack("answer é"))
    with connected(app, workspace):
        client.chat_postMessage(channel=workspace.channel, text="message é")
        workspace.command(ANNE, "/dsr")

    sent = "\n".join(workspace.payloads)
    assert "message é" in sent
    assert "answer é" in json.dumps(
        [json.loads(each) for each in workspace.payloads if each[0] == "{"], ensure_ascii=False
    )


def test_a_response_url_takes_five_answers(workspace: Workspace) -> None:
    address = workspace.gestures.payloads.command(people.ANNE, workspace.channel, "/dsr", "")["response_url"]
    webhook = WebhookClient(address)

    answers = [webhook.send(text="x").status_code for _ in range(6)]

    assert answers == [200, 200, 200, 200, 200, 404]
    assert len(workspace.ephemerals(ANNE)) == 5


@pytest.fixture
def page(manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setenv("CLOCK_OFFSET_FILE", str(tmp_path / "offset"))
    with Workspace(manifest, add_routes=add_desk_routes) as workspace:
        yield workspace


def fetch(workspace: Workspace, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
    """The status and the decoded JSON, or the text."""
    connection = http.client.HTTPConnection(workspace.page_url.removeprefix("http://").rstrip("/"), timeout=5)
    with closing(connection):
        connection.request(method, path, json.dumps(body) if body else None, {"Content-Type": kind})
        answer = connection.getresponse()
        text = answer.read().decode()
    return answer.status, json.loads(text) if "json" in answer.headers["Content-Type"] else text


def test_the_page_and_all_its_modules_are_served(page: Workspace) -> None:
    _, index = fetch(page, "GET", "/")
    parts = re.findall(r'(?:src|href)="(/page/[^"]+)"', index)

    assert "/page/desk.js" in parts
    assert [fetch(page, "GET", part)[0] for part in parts] == [200] * len(parts)


def test_the_state_shows_a_person_their_own_ephemeral_messages_only(page: Workspace) -> None:
    client = WebClient(page.bot_token, base_url=page.api_url)
    client.chat_postEphemeral(channel=page.channel, user=ANNE, text="for Anne")

    assert [each["text"] for each in fetch(page, "GET", f"/desk/state?user={ANNE}")[1]["messages"]] == ["for Anne"]
    assert fetch(page, "GET", f"/desk/state?user={BORIS}")[1]["messages"] == []


def test_the_page_moves_the_clock_forward_only(page: Workspace, tmp_path: Path) -> None:
    fetch(page, "POST", "/desk/clock", {"seconds": 3600})
    fetch(page, "POST", "/desk/clock", {"seconds": 43200})
    status, answer = fetch(page, "POST", "/desk/clock", {"seconds": -1})

    assert float((tmp_path / "offset").read_text()) == 46800
    assert (status, answer["trouble"]) == (400, "The clock only moves forward.")


def test_a_gesture_slack_would_not_have_is_a_sentence_on_the_page(page: Workspace) -> None:
    wish = {"kind": "command", "user": ANNE, "line": "/nope", "channel": page.channel}

    assert "not a valid command" in fetch(page, "POST", "/desk/gesture", wish)[1]["trouble"]


def test_another_sites_form_cannot_press_buttons_here(page: Workspace) -> None:
    wish = {"kind": "home", "user": ANNE}

    assert fetch(page, "POST", "/desk/gesture", wish, kind="text/plain")[0] == 415
