"""Hosts that are processes of this machine."""

import json
import socket


def free_addresses(count):
    """Returns addresses of this machine that are not in use."""
    doors = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{door.getsockname()[1]}" for door in doors]
    for door in doors:
        door.close()
    return addresses


def described(addresses, number):
    """Returns the environment that makes a process one of several hosts."""
    task = {"type": "worker", "index": number}
    config = {"cluster": {"worker": addresses}, "task": task}
    return {"TF_CONFIG": json.dumps(config)}
