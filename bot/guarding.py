"""The poison guard: one case that cannot be worked on must not keep the others from their turn."""

from dataclasses import dataclass
from types import TracebackType

import structlog
from sqlalchemy.exc import SQLAlchemyError


@dataclass(frozen=True)
class PoisonGuard:
    """Logs `event` for what goes wrong inside, and goes on behind it. What ails the database is raised: it ails all."""

    event: str
    case: str

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception) or isinstance(error, SQLAlchemyError):
            return False
        structlog.get_logger().error(self.event, case=self.case, fault=error)
        return True
