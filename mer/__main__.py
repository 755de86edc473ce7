"""Command `mer`: `mer run ...` is `python -m mer.run ...`, and so on for each command.

Contract: imports nothing heavy, so help and mistyped commands are answered at once.
"""

from __future__ import annotations

import difflib
import os
import runpy
import signal
import sys
from typing import NoReturn

#: Module and help line of each command.
COMMANDS = {
    "run": ("mer.run", "train and test every fold of an experiment, score it, write a report"),
    "audit": ("mer.audit", "check a data set on disk before training on it"),
    "prepare": ("mer.prepare", "make faces, apexes and inputs beforehand; show them; look into the cache or clean it"),
    "compare": ("mer.compare", "compare finished runs: paired tests, learning curves, hard clips"),
    "dashboard": ("mer.dashboard", "show runs together: a static page, or a workspace and a report of W&B"),
    "weights": ("mer.weights", "inspect, import, export or draw weight files"),
    "benchmark": ("mer.benchmark", "measure speed, exactness of inputs, and how far usual mistakes move a score"),
    "sweep": ("mer.sweep", "print the table of a finished or interrupted sweep again"),
    "predict": ("mer.predict_videos", "say when and how faces move in videos: tables, pictures, a page"),
    "demo": ("mer.demo", "the same in a browser: drop a video, or use the camera"),
    "synthetic": ("mer.data.synthetic", "write drawn faces in the layout of a real data set, or a drawn video"),
}


def usage() -> str:
    """Return the help text, one line per command."""
    width = max(map(len, COMMANDS))
    lines = [f"  mer {word:{width}}  {line}" for word, (_, line) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: mer COMMAND ...",
            "",
            *lines,
            "",
            "mer COMMAND --help tells more. Try: mer run +experiment=synthetic_loso dry_run=true",
            'Tab completion of mer run: eval "$(mer -sc install=bash)", also zsh and fish.',
        ]
    )


def main() -> int:
    """Run the command that the first word names, with the other words; return the exit status.

    0 success, 2 no such command. A command that ends the process does so with its own status.
    """
    word, *rest = sys.argv[1:] or [""]
    if word.startswith(("-sc", "--shell-completion")):
        return _complete()
    if word in ("-h", "--help", "help"):
        print(usage())
        return 0
    if word not in COMMANDS:
        near = difflib.get_close_matches(word, COMMANDS, n=1)
        hint = f"; did you mean mer {near[0]}?" if near else ""
        wrong = f"mer: no command {word!r}{hint}\n\n" if word else ""
        print(f"{wrong}{usage()}", file=sys.stderr)
        return 2
    module, _ = COMMANDS[word]
    sys.argv[1:] = rest
    before = {number: signal.signal(number, _end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        # as its own main module: Lightning starts `python -m MODULE` again for each further device
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0


def _end(number: int, frame: object) -> NoReturn:
    """End by a signal that comes while the command is still being imported; afterwards it takes them itself."""
    os.write(2, b"mer: ended by a signal before anything began\n")
    os._exit(128 + number)


def _complete() -> int:
    """Print completions for the shell: the commands, then Hydra's completions of overrides of `mer run`."""
    line = os.environ.get("COMP_LINE", "")
    words = line.split()
    asked = any(argument.startswith("query=") for argument in sys.argv[1:])
    if asked and words[1:2] != ["run"]:
        if len(words) <= 1 + (not line.endswith(" ")):
            print(" ".join(word for word in COMMANDS if word.startswith("".join(words[1:]))))
        return 0
    os.environ["COMP_LINE"] = line.replace(" run", "", 1)  # Hydra takes the first word for the program
    from mer.run import main as run  # Hydra is not needed for the rest

    return run()


if __name__ == "__main__":
    sys.exit(main())
