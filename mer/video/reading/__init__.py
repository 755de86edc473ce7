"""Read the frames of videos, folders of images and cameras one by one."""
