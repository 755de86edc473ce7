"""Read weight files, rename and adapt their tensors, and load them with a report on every tensor."""
