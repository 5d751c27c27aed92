"""The models, one family a module. Use `corten.transformers`, which has all names."""
