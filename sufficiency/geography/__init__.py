"""Where people and provision are, and how far apart."""
