"""One router for each resource of the HTTP API."""

from http_api.routes import models

ROUTERS = (models.router,)
