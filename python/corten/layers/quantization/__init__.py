"""What `Dense`, `EinsumDense` and the embeddings do with quantized weights and low-rank updates."""
