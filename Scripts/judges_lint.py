"""Asks for URL as curl does and has httplint judge the response, with the time of the request for the server's clock.

    judges_lint.py URL

httplint's own program takes the time at which it has started, which on a busy machine is seconds after the response.
"""

import subprocess
import sys
import time
from argparse import Namespace

from httplint.cli.http_parser import HttpCliParser, modes


def main() -> None:
    asked = time.time()
    curl = ["curl", "-si", "--max-time", "10", sys.argv[1]]
    response = subprocess.run(curl, check=True, stdout=subprocess.PIPE).stdout
    judge = HttpCliParser(Namespace(mode=modes.RESPONSE, now=True, locale=None), asked)
    judge.handle_input(response)
    sys.exit(1 if judge.failed else 0)


main()
