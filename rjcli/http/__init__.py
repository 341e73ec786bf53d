"""HTTP: the only client, and the only place where the API key joins an address."""
