"""Backbones, registered by their `model.backbone`, and the parts they are built of."""
