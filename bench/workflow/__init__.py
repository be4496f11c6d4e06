"""Many uploads at once through the whole workflow."""
