"""Webhooks: where they may be sent, how they are signed, and how they are delivered."""
