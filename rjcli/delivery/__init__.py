"""Delivery: many batches in flight, each key's versions in order, an outcome for every record."""
