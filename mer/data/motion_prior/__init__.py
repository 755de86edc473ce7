"""Draw motion maps from action units in closed form, without faces or recordings."""
