"""Keep results on disk by the content of their files, their settings and the code version."""
