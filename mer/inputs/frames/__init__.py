"""Image files and the frames of a clip."""
