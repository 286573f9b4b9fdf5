#!/usr/bin/env -S python3 -ISE
"""What the language host starts: has `warm_python.py` fork, and ends as the fork does.

Isolated and without site-packages, since it is to start in a hundredth of a second.
"""

import json
import os
import signal
import socket
import sys

PASSED_ON = (signal.SIGINT, signal.SIGTERM)
EXECUTOR = "pulumi-language-python-exec"


def is_worth_it(arguments: list[str]) -> bool:
    """Say whether the command is one of those for which there is something to gain."""
    is_program = arguments[0].endswith(EXECUTOR)
    return is_program or arguments[:3] in (["-u", "-m", "pulumi.policy"], ["-m", "pip", "list"])


def main() -> int:
    arguments = sys.argv[1:]
    if not is_worth_it(arguments):
        os.execv(sys.executable, [sys.executable, *arguments])
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect("\0" + os.environ["WARM_PYTHON"])
        asked = {
            "arguments": arguments,
            "environment": dict(os.environ),
            "folder": os.getcwd(),  # noqa: PTH109  (to import pathlib takes longer than all else)
            "parent": os.getppid(),
        }
        socket.send_fds(connection, [b"\0"], [0, 1, 2])
        connection.sendall(json.dumps(asked).encode() + b"\n")
        answers = connection.makefile()
        forked = int(answers.readline())
        for number in PASSED_ON:
            signal.signal(number, lambda received, _: os.kill(forked, received))
        code = int(answers.readline())
    if code < 0:
        for number in PASSED_ON:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


sys.exit(main())
