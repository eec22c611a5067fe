"""PostgreSQL: its engines, and notifications of changes."""
