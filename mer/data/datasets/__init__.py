"""One module a data set: its card, its sheet, its folders. A module in this folder is found; no list names it."""
