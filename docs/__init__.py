"""What of the documentation is made: `python -m docs.make`."""
