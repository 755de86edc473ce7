"""Define the Lightning module, its loss and its callbacks."""
