"""Tests of the local Import API: real HTTP on loopback, real files."""
