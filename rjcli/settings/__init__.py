"""Options become settings: frozen values, checked by the parsers."""
