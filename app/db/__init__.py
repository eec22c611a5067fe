"""The database: tables, engines, migrations, and every statement that reads."""
