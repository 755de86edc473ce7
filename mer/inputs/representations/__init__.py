"""Network inputs by the key of `input.representation`."""
