"""The authors' Caffe files: read, written, turned into checkpoints."""
