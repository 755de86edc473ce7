"""Networks by the key of `model.backbone`, and the parts that they are built of."""
