"""Targets: what becomes of them before they are learnt."""
