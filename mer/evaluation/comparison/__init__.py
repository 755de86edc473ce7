"""Compare finished runs: tables, paired tests, pages."""
