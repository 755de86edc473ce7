"""Results kept on disk by the content of their files, settings and code version."""
