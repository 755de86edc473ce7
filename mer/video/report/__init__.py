"""Show what is known of a video: a page, strips of pictures, an annotated copy."""
