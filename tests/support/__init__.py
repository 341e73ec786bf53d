"""What tests share: servers that misbehave, terminals, certificates, measures."""
