"""Read official files into a table of samples: coding sheets, frame folders, corrections."""
