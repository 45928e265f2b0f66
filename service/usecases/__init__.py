"""What can be done with Basin: one file for each family of verbs, each verb one atomic piece of a transaction."""
