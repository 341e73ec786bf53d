"""Inspecting: files that nobody has described yet become proposals of tables, keys and types."""
