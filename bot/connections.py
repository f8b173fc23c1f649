"""Two Socket Mode connections: while one is being replaced, the other hears everything."""

from threading import Event, Thread

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.trouble import pause
from storage.logs import Condition

COUNT = 2
PING_EVERY = 3


class Connections:
    """Opened in the background, as often as it takes; the SDK mends what was open once."""

    def __init__(self, app: App, app_token: str, client: WebClient) -> None:
        self._condition = Condition("slack-connection")
        self._stop = Event()
        self.handlers = [
            SocketModeHandler(app, app_token, web_client=client, ping_interval=PING_EVERY) for _ in range(COUNT)
        ]
        self._threads = [Thread(target=self._connect, args=(one,), daemon=True) for one in self.handlers]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    @property
    def open(self) -> int:
        """How many are connected now."""
        return sum(handler.client.is_connected() for handler in self.handlers)

    def watch(self) -> None:
        """Note in the log when hearing begins or ends."""
        if self.open:
            self._condition.well()
        elif not any(thread.is_alive() for thread in self._threads):
            self._condition.failed("not connected")

    def stop(self) -> None:
        """Close all, at the same time: the SDK waits three seconds for each."""
        self._stop.set()
        closing = [Thread(target=handler.close, daemon=True) for handler in self.handlers]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join(5)

    def _connect(self, handler: SocketModeHandler) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                handler.connect()  # type: ignore[no-untyped-call]  # Bolt's adapter is not typed
            except Exception as error:  # noqa: BLE001 - whatever it was, trying again is right
                failures += 1
                handler.client.wss_uri = None
                if not self.open:
                    self._condition.failed(_describe(error))
                self._stop.wait(pause(failures))
            else:
                return


def _describe(error: Exception) -> str:
    if isinstance(error, SlackApiError) and isinstance(error.response.data, dict):
        return str(error.response.data.get("error", "refused"))
    return "unreachable"
