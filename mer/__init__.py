"""Micro-expression recognition with micro-attention networks, leave-one-subject-out, as an experiment framework."""
