"""Corten's GPU backend on whatever GPU is there, beside PyTorch on the same one: `python -m benches.gpu`."""
