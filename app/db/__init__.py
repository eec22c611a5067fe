"""The archive: tables, engines, migrations, and every statement that reads."""
