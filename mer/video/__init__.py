"""A new video in, intervals of facial motion with action units and emotions out: reading, faces, spotting, answers."""
