"""Appeals against content rules: asked by a tenant, decided by an operator."""
