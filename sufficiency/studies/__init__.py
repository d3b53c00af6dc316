"""Studies of a finished run: questions that take several plans to answer."""
