"""One router for each resource of the HTTP API."""

from http_api.routes import erasure, models

ROUTERS = (models.router, erasure.router)
