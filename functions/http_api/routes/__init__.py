"""One router for each resource of the HTTP API."""

from http_api.routes import (
    aliases,
    audit,
    consents,
    erasure,
    estimates,
    exports,
    jobs,
    keys,
    members,
    models,
    openapi,
    pictures,
    takedowns,
    uploads,
    usage,
    webhooks,
)

ROUTERS = (
    uploads.router,
    models.router,
    pictures.router,
    aliases.router,
    estimates.router,
    jobs.router,
    keys.router,
    members.router,
    usage.router,
    erasure.router,
    audit.router,
    takedowns.router,
    consents.router,
    exports.router,
    webhooks.router,
    openapi.router,
)
