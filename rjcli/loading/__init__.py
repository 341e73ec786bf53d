"""Loading many tables at once: a file that says which, a plan, and pushes side by side."""
