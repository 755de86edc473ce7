"""Read image files and find the frames of a clip."""
