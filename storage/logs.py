"""The log: one line an event, references and counts only, never addresses, subjects, bodies or tokens."""

import logging
import sys
from datetime import datetime

import structlog


def start_logging(form: str = "text", *, quiet: bool = False) -> None:
    """Send everything to stderr, as readable lines or as JSON; `quiet` leaves out what is well.

    Libraries speak only when something is wrong."""
    readable = structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False)
    lines = structlog.processors.JSONRenderer() if form == "json" else readable
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    for name in ("slack_bolt", "slack_sdk", "apscheduler"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            name_the_fault,
            lines,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING if quiet else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def name_the_fault(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Show an exception as its type and place only: its message may quote a letter."""
    fault = event.pop("fault", None)
    if isinstance(fault, BaseException):
        event["fault"] = name_of(fault)
        if place := _place(fault):
            event["at"] = place
    return event


def name_of(fault: BaseException) -> str:
    """Its type and the database's own code, if it has one: `OperationalError 40P01` (a deadlock), `… SQLITE_BUSY`."""
    cause = getattr(fault, "orig", None)
    code = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None)
    return " ".join(filter(None, (type(fault).__name__, code)))


def _place(fault: BaseException) -> str | None:
    trace = fault.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}" if trace else None


def log_paused(reason: str, since_at: datetime) -> None:
    """Say at the start of a process that sending is paused, and what shows more."""
    structlog.get_logger().warning(
        "sending-paused", because=reason, since=since_at.isoformat(timespec="seconds"), see="python -m storage paused"
    )


class Condition:
    """Something that is well or not: said once when that changes, not once a try."""

    def __init__(self, name: str, **references: object) -> None:
        self._name = name
        self._fault: str | None = None
        self._log = structlog.get_logger().bind(**references)

    def failed(self, fault: str, **references: object) -> None:
        """It is not well, for this reason."""
        if fault != self._fault:
            self._fault = fault
            self._log.warning(f"{self._name}-failed", because=fault, **references)

    def well(self) -> None:
        """It is well again."""
        if self._fault is not None:
            self._fault = None
            self._log.info(f"{self._name}-well-again")
