"""Attention layers."""

from corten.layers.attention.additive import AdditiveAttention
from corten.layers.attention.dot_product import Attention
from corten.layers.attention.group_query import GroupQueryAttention
from corten.layers.attention.multi_head import MultiHeadAttention

__all__ = ["AdditiveAttention", "Attention", "GroupQueryAttention", "MultiHeadAttention"]
