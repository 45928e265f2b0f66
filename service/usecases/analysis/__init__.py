"""Reading a study: what its trials tell beyond themselves. Nothing here changes anything."""
