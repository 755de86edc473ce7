"""Motion maps drawn from action units in closed form: no face, no recording."""
