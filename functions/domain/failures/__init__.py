"""What a failure means, and how a redrive continues the job."""
