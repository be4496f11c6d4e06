"""From a queued job to a trained adapter: planning, launching, following, billing."""
