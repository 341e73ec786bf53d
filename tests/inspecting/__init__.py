"""Tests of inspecting."""
