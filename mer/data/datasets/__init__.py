"""One module a data set: its card, its sheet, its folders."""
