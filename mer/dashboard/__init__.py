"""Dashboards of finished runs: a static page from their folders, and a workspace and a report of W&B as code."""
