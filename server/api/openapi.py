"""Prints the public record of the API, which needs no database: `python -m server.api.openapi`."""

import json
import sys

from server.api.app import create_app


def main() -> None:
    json.dump(create_app(database_url="").openapi(), sys.stdout, indent=2, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
