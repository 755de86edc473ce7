"""Small tools used by all rooms: seeds, hashes, atomic files, registries, plugins, limits, timing."""
