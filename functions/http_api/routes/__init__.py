"""One router for each resource of the HTTP API."""

from http_api.routes import (
    erasure,
<<<<<<< HEAD
=======
    estimates,
>>>>>>> main
    jobs,
    keys,
    models,
    openapi,
<<<<<<< HEAD
    pictures,
=======
>>>>>>> main
    uploads,
    usage,
    webhooks,
)

ROUTERS = (
    uploads.router,
    models.router,
<<<<<<< HEAD
    pictures.router,
=======
    estimates.router,
>>>>>>> main
    jobs.router,
    keys.router,
    usage.router,
    erasure.router,
    webhooks.router,
    openapi.router,
)
