"""A real identity provider in a process of its own: Canaille, with people in memory and its own login page.

python -m tests.integration.identity_provider CALLBACK     prints its address, then serves until it is killed
"""

import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from joserfc.jwk import RSAKey

PASSWORD = "a long sentence about nothing"
PEOPLE = ("kari-at-the-town-hall", "somebody-else")
CLIENT, SECRET = "hjemvakt", "what-only-they-know"


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


def main(callback: str) -> None:
    server = make_server("127.0.0.1", 0, None, Server, Quiet)  # type: ignore[arg-type]
    app = create_app(
        {
            "SECRET_KEY": "only for a test, which ends soon",
            "TESTING": True,  # no https
            "WTF_CSRF_ENABLED": False,
            "CANAILLE": {"DATABASE": "memory", "HTMX": False, "JAVASCRIPT": False},
            "CANAILLE_OIDC": {"ACTIVE_JWKS": [RSAKey.generate_key(2048, auto_kid=True).as_dict(private=True)]},
        }
    )
    with app.app_context():
        for name in PEOPLE:
            person = models.User(user_name=name, family_name=name, formatted_name=name, emails=[f"{name}@example.org"])
            person.password = PASSWORD
            Backend.instance.save(person)
        client = models.Client(
            client_id=CLIENT,
            client_secret=SECRET,
            client_name="Hjemvakt",
            client_uri=callback,
            redirect_uris=[callback],
            post_logout_redirect_uris=[callback.partition("/api/")[0] + "/"],
            grant_types=["authorization_code"],
            response_types=["code"],
            token_endpoint_auth_method="client_secret_basic",
            scope=["openid"],
        )
        Backend.instance.save(client)
        client.audience = [client]
        Backend.instance.save(client)
    server.set_app(app)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
