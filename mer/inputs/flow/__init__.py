"""Compute motion between frames: optical flow, head motion, magnification."""
