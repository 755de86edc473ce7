"""What a person reads: the HTML report, its figures, the console table."""
