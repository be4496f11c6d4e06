"""From an upload's files to one TrainingRequest: request.json, and other tools' settings."""
