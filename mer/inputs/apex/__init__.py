"""Find apex frames that are not annotated."""
