"""SQLAlchemy Core tables, the engine, transactions and migrations, on SQLite and PostgreSQL."""
