"""What an erasure reads, removes and signs: implements domain.ports.erasure."""
