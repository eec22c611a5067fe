"""PostgreSQL: notifications of changes."""
