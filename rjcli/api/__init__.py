"""The Import API as pure facts: its addresses, its limits, and what each answer means."""
