"""Corten and its peers on the same workloads, interleaved."""
