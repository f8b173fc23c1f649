"""A breach from the first doubt to the last proof: claims, facts, notices in phases, documents, the ledger's calls."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

INSTANT = sa.DateTime(timezone=True)
WORD = sa.String(length=40)
LADDER = "36 24 12 6 3 1 0"
Kind = sa.types.TypeEngine[Any]

MAYBE: dict[str, dict[str, Kind]] = {
    "breach": {"lead_at": INSTANT, "late_reason": sa.Text()},
    "affected": {
        "excluded_at": INSTANT,
        "excluded_by": sa.Text(),
        "waived_reason": sa.Text(),
        "waived_at": INSTANT,
        "waived_by": sa.Text(),
    },
    "notice": {"approved_at": INSTANT, "approved_by": sa.Text(), "alone_reason": sa.Text()},
    "call": {"answered": WORD, **dict.fromkeys(("role", "call_reference", "person", "proof"), sa.Text())},
    "document": {
        "sha256": sa.Text(),
        "received_at": INSTANT,
        "sent_by": sa.Text(),
        "marked_at": INSTANT,
        "marked_by": sa.Text(),
        "withdrawn_at": INSTANT,
    },
}
ALWAYS: dict[str, dict[str, tuple[Kind, Any]]] = {
    "breach": {"ladder": (sa.Text(), LADDER)},
    "notice": {
        "prepared_by": (sa.Text(), "desk"),
        "last_fact_id": (sa.Integer(), sa.text("0")),
        "final": (sa.Boolean(), sa.false()),
    },
    "document": {
        "part": (sa.Integer(), sa.text("0")),
        "name": (sa.Text(), ""),
        "content_type": (sa.Text(), "application/octet-stream"),
        "size": (sa.BigInteger(), sa.text("0")),
    },
}
"""With what rows that are there already have in them."""


def upgrade() -> None:
    for table, columns in MAYBE.items():
        for name, kind in columns.items():
            op.add_column(table, sa.Column(name, kind, nullable=True))
    for table, filled in ALWAYS.items():
        for name, (kind, default) in filled.items():
            op.add_column(table, sa.Column(name, kind, nullable=False, server_default=default))
    with op.batch_alter_table("document") as batch:
        batch.create_unique_constraint(op.f("uq_document_message_id_part"), ["message_id", "part"])
    _create_claim()
    _create_fact()
    _create_attachment()
    _let_mails_belong_to_breaches()


def _create_claim() -> None:
    op.create_table(
        "claim",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("breach_id", sa.Integer(), nullable=False),
        sa.Column("what", WORD, nullable=False),
        sa.Column("instant", INSTANT, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("claimed_at", INSTANT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        _pointing("claim", "breach_id", "breach"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claim")),
    )
    op.create_index(op.f("ix_claim_breach_id"), "claim", ["breach_id"])


def _create_fact() -> None:
    op.create_table(
        "breach_fact",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("breach_id", sa.Integer(), nullable=False),
        sa.Column("name", WORD, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("affected_id", sa.Integer(), nullable=True),
        _pointing("breach_fact", "breach_id", "breach"),
        _pointing("breach_fact", "affected_id", "affected"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_breach_fact")),
    )
    op.create_index(op.f("ix_breach_fact_breach_id"), "breach_fact", ["breach_id"])


def _create_attachment() -> None:
    op.create_table(
        "attachment",
        sa.Column("delivery_id", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("document_id", sa.Integer(), nullable=True),
        _pointing("attachment", "delivery_id", "delivery", ondelete="CASCADE"),
        _pointing("attachment", "document_id", "document"),
        sa.PrimaryKeyConstraint("delivery_id", "ordinal", name=op.f("pk_attachment")),
    )


def _let_mails_belong_to_breaches() -> None:
    targets = ("breach", "affected")
    with op.batch_alter_table("case_mail") as batch:
        for target in targets:
            batch.add_column(sa.Column(f"{target}_id", sa.Integer(), nullable=True))
            name = op.f(f"fk_case_mail_{target}_id_{target}")
            batch.create_foreign_key(name, target, [f"{target}_id"], ["id"], ondelete="RESTRICT")
    for target in targets:
        op.create_index(op.f(f"ix_case_mail_{target}_id"), "case_mail", [f"{target}_id"])


def _pointing(table: str, column: str, target: str, *, ondelete: str = "RESTRICT") -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{target}")
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name, ondelete=ondelete)
