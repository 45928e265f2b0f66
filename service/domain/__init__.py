"""The rules of Basin: what a study and a trial are and may become. No clock, no database, no HTTP."""
