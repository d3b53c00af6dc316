"""Three real English authorities, built from published data that stay outside the project."""
