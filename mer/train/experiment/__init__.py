"""One configuration with its data: loading and checking, before anything is trained."""
