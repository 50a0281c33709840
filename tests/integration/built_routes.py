"""FastAPI builds the hundred routes of an app at its first request, in a third of a second. Tests start some eight
hundred apps: the routes of routers that know nothing of their app are built once in a process."""

from fastapi import FastAPI
from starlette.routing import BaseRoute

_OF_THE_FIRST_APP: dict[int, BaseRoute] = {}
"""by the identity of the router, which lives as long as its route here; a router made for one app is in no other"""


def share_built_routes(app: FastAPI) -> None:
    included = {id(route.original_router): route for route in app.router.routes if hasattr(route, "original_router")}
    if not _OF_THE_FIRST_APP:
        _OF_THE_FIRST_APP.update(included)
    shared = {id(included[router]): _OF_THE_FIRST_APP[router] for router in included.keys() & _OF_THE_FIRST_APP.keys()}
    app.router.routes[:] = [shared.get(id(route), route) for route in app.router.routes]
