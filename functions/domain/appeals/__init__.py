"""Appeals against the rules that look at texts: asked by a tenant, decided by an operator."""
