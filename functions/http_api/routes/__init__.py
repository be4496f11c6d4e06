"""One router for each resource of the HTTP API."""

from http_api.routes import erasure, jobs, keys, models, openapi, uploads, usage, webhooks

ROUTERS = (
    uploads.router,
    models.router,
    jobs.router,
    keys.router,
    usage.router,
    erasure.router,
    webhooks.router,
    openapi.router,
)
