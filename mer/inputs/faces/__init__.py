"""Face detection and aligned crops."""
