"""Tests of what people and scripts get to see."""
