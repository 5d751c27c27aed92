"""Tokenizers: texts to numbers and back, with what the package `tokenizers` computes."""
