"""One router for each resource of the HTTP API."""

from http_api.routes import erasure, jobs, keys, models, openapi, uploads, usage

ROUTERS = (
    uploads.router,
    models.router,
    jobs.router,
    keys.router,
    usage.router,
    openapi.router,
    erasure.router,
)
