"""Find and follow faces, judge how well they are seen, and cut them as the motion prior is drawn."""
