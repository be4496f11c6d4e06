"""The only package that imports boto3: each file implements one Protocol of domain.ports."""
