"""Read and write the authors' Caffe files, and import networks from them."""
