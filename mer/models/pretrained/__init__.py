"""Weights from files: read, named, adapted, loaded, with a report on every tensor."""
