"""Lets hosts wait for each other before TensorFlow joins them.

TensorFlow's own waiting has no end, and a process in it hears no Ctrl-C.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tlkit.base.errors import TlkitError, UsageError
from tlkit.base.wording import name_some

#: Seconds for which a host waits for the others.
MOST_SECONDS = 600.0
#: Seconds between two looks, in which Ctrl-C is heard.
_PAUSE = 0.1
#: Bytes that a message has at most.
_LONGEST = 1000


def meet(
    addresses: Sequence[str], number: int, alike: Mapping[str, Any]
) -> None:
    """Returns when all hosts are there, and can start together.

    The others call the chief, who answers all of them when the last has come.

    Args:
        addresses: Addresses of the hosts, "HOST:PORT" each, the chief's first.
        number: Number of this host, from 0.
        alike: What all hosts must have alike, by name, as JSON can hold it.

    Raises:
        UsageError: A host has something else.
        TlkitError: Some do not come, or the chief's port is in use.
    """
    until = time.monotonic() + MOST_SECONDS
    if number == 0:
        _receive(addresses, alike, until)
    else:
        _call(addresses[0], {"number": number, **alike}, until)


def _receive(
    addresses: Sequence[str], alike: Mapping[str, Any], until: float
) -> None:
    callers: dict[int, socket.socket] = {}
    with contextlib.ExitStack() as open_ones:
        door = open_ones.enter_context(_door(addresses[0]))
        while len(callers) < len(addresses) - 1:
            missing = [
                one
                for number, one in enumerate(addresses)
                if number and number not in callers
            ]
            _check_time(until, missing)
            told, caller = {}, None
            # Others than hosts may call, and hosts hang up.
            with contextlib.suppress(OSError, ValueError):
                caller = open_ones.enter_context(door.accept()[0])
                told = _read(caller)
            if caller is not None and told.get("number") in range(
                1, len(addresses)
            ):
                place = addresses[told["number"]]
                _check_alike(alike, told, caller, place)
                callers[told["number"]] = caller
        for caller in callers.values():
            _write(caller, {"go": True})


@contextlib.contextmanager
def _door(address: str) -> Iterator[socket.socket]:
    port = int(address.rpartition(":")[2])
    try:
        door = socket.create_server(("", port))
    except OSError as error:
        raise TlkitError(
            f"The chief's port cannot be opened: {error.strerror}.",
            where=address,
            remedy="Choose another port for this host, on all hosts.",
        ) from error
    with door:
        door.settimeout(_PAUSE)
        yield door


def _call(chief: str, told: Mapping[str, Any], until: float) -> None:
    """Calls the chief until he answers."""
    host, _, port = chief.rpartition(":")
    while True:
        _check_time(until, [chief])
        answer: dict[str, Any] = {}
        # It may not be there yet, or be gone while this one waits.
        with (
            contextlib.suppress(OSError, ValueError),
            socket.create_connection((host, int(port)), timeout=1) as line,
        ):
            _write(line, told)
            answer = _answer(line, chief, until)
        if "go" in answer:
            return
        if "refused" in answer:
            needed = answer["refused"]
            found = {name: told[name] for name in needed}
            raise _not_alike(needed, "this host", found)
        time.sleep(_PAUSE)


def _answer(line: socket.socket, chief: str, until: float) -> dict[str, Any]:
    while True:
        _check_time(until, [chief])
        with contextlib.suppress(TimeoutError):
            return _read(line)


def _check_time(until: float, missing: Sequence[str]) -> None:
    if time.monotonic() > until:
        raise TlkitError(
            "Not all hosts have come.",
            where=name_some(missing),
            expected=f"an answer within {MOST_SECONDS / 60:.0f} minutes",
            remedy="Give the same command on each host, and check that they "
            "reach each other's addresses.",
        )


def _check_alike(
    alike: Mapping[str, Any],
    told: Mapping[str, Any],
    caller: socket.socket,
    address: str,
) -> None:
    """Raises UsageError, here and there, if a host has something else."""
    other = {n: told.get(n) for n, v in alike.items() if told.get(n) != v}
    if other:
        needed = {name: alike[name] for name in other}
        _write(caller, {"refused": needed})
        raise _not_alike(needed, address, other)


def _not_alike(needed: object, where: str, received: object) -> UsageError:
    return UsageError(
        "The hosts are not alike.",
        where=where,
        expected=needed,
        received=received,
    )


def _write(line: socket.socket, message: Mapping[str, Any]) -> None:
    line.sendall(json.dumps(message).encode() + b"\n")


def _read(line: socket.socket) -> dict[str, Any]:
    """Reads a message.

    Raises:
        TimeoutError: There is none yet.
        ConnectionError: There will be none.
        ValueError: Somebody else has called.
    """
    line.settimeout(1)
    message = line.makefile("rb").readline(_LONGEST)
    if not message:
        raise ConnectionError
    return json.loads(message)
