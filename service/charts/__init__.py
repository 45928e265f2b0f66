"""What the charts of a study are drawn from: kept in memory, brought up to date by what has changed."""
