"""Make the packaged networks of `mer.video` from drawn motion alone; `mer weights prior` is the command."""
