"""The tables of webhooks: endpoints, cases of which a delivery is tried again, and what was sent lately.

The log is what is sent: an endpoint has a place in it, and no table has events.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    text,
)

from app.db.columns import EnumString, account_column, id_column, metadata, reference, time
from app.domain.webhooks import DeliveryFailure, SignatureScheme, WebhookState

webhooks = Table(
    "webhooks",
    metadata,
    id_column(),
    account_column(),
    # Whom it acts as: a service account and a token of its own, which no secret stands for.
    reference("user_id", "users.id"),
    reference("token_id", "api_tokens.id"),
    Column("name", String(200), nullable=False),
    Column("description", Text()),
    Column("url", Text(), nullable=False),
    Column("document", Text(), nullable=False),
    Column("scheme", EnumString(SignatureScheme), nullable=False),
    Column("cloud_events", Boolean(), nullable=False, server_default=false()),
    Column("state", EnumString(WebhookState), nullable=False),
    # Of its secret, which is derived from a key of the server.
    Column("secret_version", Integer(), nullable=False, server_default=text("1")),
    Column("previous_secret_version", Integer()),
    time("previous_secret_until", nullable=True),
    # The last row of the log that was sent, or passed over.
    Column("position", BigInteger(), nullable=False),
    Column("position_id", Uuid(), nullable=False),
    # When to send the next ping, where one is due, and how many were not answered.
    time("ping_at", nullable=True),
    time("ping_since", nullable=True),
    Column("ping_failures", Integer(), nullable=False, server_default=text("0")),
    time("last_success_at", nullable=True),
    time("last_failure_at", nullable=True),
    Column("last_failure", EnumString(DeliveryFailure)),
    Column("last_failure_status", Integer()),
    # Which process delivers, and until when others leave it to that.
    Column("lease_holder", String(64)),
    time("lease_until", nullable=True),
    # Counts what admins have changed.
    Column("version", Integer(), nullable=False, server_default=text("1")),
    # The version that is delivered by: nothing of an earlier one is sent any more.
    Column("delivered_version", Integer()),
    time("created_at"),
    UniqueConstraint("account_id", "id"),
    CheckConstraint("secret_version >= 1", name="secret_version_from_one"),
    Index(None, "account_id", "created_at", "id"),
)

# A case of which a delivery was not taken. Its later rows wait for that one; other cases do not.
webhook_retries = Table(
    "webhook_retries",
    metadata,
    Column("webhook_id", Uuid(), primary_key=True),
    Column("case_id", Uuid(), primary_key=True),
    account_column(),
    # The row that was not taken, and its place in the log.
    Column("action_id", Uuid(), nullable=False),
    Column("position", BigInteger(), nullable=False),
    Column("failures", Integer(), nullable=False),
    time("first_at"),
    time("next_at"),
    ForeignKeyConstraint(["account_id", "webhook_id"], ["webhooks.account_id", "webhooks.id"]),
    Index(None, "webhook_id", "next_at"),
)

# What was sent lately. Rows go after a week.
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    id_column(),
    account_column(),
    Column("webhook_id", Uuid(), nullable=False),
    # None for a ping.
    Column("action_id", Uuid()),
    Column("attempt", Integer(), nullable=False),
    time("created_at"),
    Column("milliseconds", Integer(), nullable=False),
    Column("status", Integer()),
    Column("failure", EnumString(DeliveryFailure)),
    # The SHA-256 of the first bytes of the answer's body.
    Column("answer_digest", String(64)),
    ForeignKeyConstraint(["account_id", "webhook_id"], ["webhooks.account_id", "webhooks.id"]),
    Index(None, "webhook_id", "created_at", "id"),
)
