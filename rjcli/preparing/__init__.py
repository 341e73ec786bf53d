"""Preparing: raw records become records with keys, or rejections, and batches. Pure."""
