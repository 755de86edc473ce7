"""From official files to a sample table: coding sheets, frame folders, corrections."""
