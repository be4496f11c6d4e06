"""The only room that knows boto3: each file meets one Protocol of the domain."""
