"""Where client id and API key come from: options, variables, profiles, the system keyring."""
