"""One router for each resource of the HTTP API."""

from http_api.routes import models, webhooks

ROUTERS = (models.router, webhooks.router)
