"""Seeds, hashes, atomic files, timing, optical strain."""
