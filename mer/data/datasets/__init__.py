"""Read official data sets, one module per set: card, sheet, folders. Modules in this folder are found by themselves."""
