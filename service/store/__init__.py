"""Where everything is kept: the adapters of the store port. SQLAlchemy lives here only."""
