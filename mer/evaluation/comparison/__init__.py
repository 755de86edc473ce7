"""Finished runs side by side: tables, paired tests, pages."""
