"""Motion between frames: optical flow, head motion, magnification."""
