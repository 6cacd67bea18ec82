"""Runs the Python clients against a running server and compares their answers with the golden rows;
then holds answers of every route against the OpenAPI document.

The server has the example models and those of test/clients/models.

    clients_test.py HOST:PORT MODELS

Exit status: 0 when every check passed, 1 when one failed, 2 for wrong usage.
"""

import asyncio
import pathlib
import sys

import aio_client
import document_checks
import golden
import kserve_client
import nonfinite
import sync_client
import wire
from checks import Checks

EXAMPLES = {"digits", "encoder", "eta", "ranker"}


def main():
    if len(sys.argv) != 3 or ":" not in sys.argv[1] or not pathlib.Path(sys.argv[2]).is_dir():
        print("usage: clients_test.py HOST:PORT MODELS_DIRECTORY", file=sys.stderr)
        return 2
    address, models = sys.argv[1], golden.load(sys.argv[2])
    missing = EXAMPLES - set(models)
    if missing:
        print(
            f"clients: no golden rows for {', '.join(sorted(missing))} under {sys.argv[2]}", file=sys.stderr
        )
        return 2
    checks = Checks()
    sync_client.run_all(checks, address, models)
    asyncio.run(aio_client.run_all(checks, address, models))
    asyncio.run(kserve_client.run_all(checks, address, models))
    wire.run_all(checks, address, models)
    nonfinite.run_all(checks, address)
    document_checks.run_all(checks, address, models)
    print(f"clients: {checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
