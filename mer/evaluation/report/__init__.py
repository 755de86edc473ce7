"""Write what people read: the HTML report, its figures, the console table."""
