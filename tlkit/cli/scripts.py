"""Scripts with the flags of a verb that does not train."""

from __future__ import annotations

from collections.abc import Callable

from tlkit.cli.command import run_alone
from tlkit.cli.verbs import VERBS, verb_command


def run_script(verb: str, script: Callable[..., None]) -> None:
    """Runs a script with the flags, help and errors of a verb.

    Args:
        verb: Name of the command, such as `"explain"`.
        script: Gets by name exactly what the verb's function gets.
    """
    run_alone(verb_command(VERBS[verb], script))
