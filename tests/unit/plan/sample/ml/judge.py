"""judge: what it does is no matter to a plan."""
