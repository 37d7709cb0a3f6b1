"""Signals end the command in good order; a second one ends it at once."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tlkit.base.interruption import (
    Interrupted,
    delayed,
    exit_code,
    listening,
    raise_if_asked,
)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


@pytest.fixture(autouse=True)
def usual_handlers():
    """Whoever runs the tests in the background has Ctrl-C ignored."""
    before = {n: signal.getsignal(n) for n, _ in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_is_an_interruption(number, code):
    with pytest.raises(KeyboardInterrupt) as caught, listening():
        os.kill(os.getpid(), number)
    assert exit_code(caught.value) == code


def test_what_is_delayed_goes_on_to_the_place_where_it_asks(capfd):
    done = []

    def steps():
        os.kill(os.getpid(), signal.SIGTERM)
        done.append("the step")
        raise_if_asked()
        done.append("another step")

    with pytest.raises(Interrupted), listening(), delayed():
        steps()
    assert done == ["the step"]
    assert "once more ends at once" in capfd.readouterr().err


def test_what_is_delayed_and_does_not_ask_is_interrupted_at_its_end(capfd):
    done = []

    def steps():
        with delayed():
            os.kill(os.getpid(), signal.SIGINT)
            done.append("the last step")
        done.append("what comes after")

    with pytest.raises(Interrupted), listening():
        steps()
    assert done == ["the last step"]


def test_outside_the_command_nothing_is_changed():
    with delayed(), pytest.raises(KeyboardInterrupt) as caught:
        os.kill(os.getpid(), signal.SIGINT)
    assert not isinstance(caught.value, Interrupted)
    with listening():
        pass
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_signal_that_is_ignored_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with listening():
        os.kill(os.getpid(), signal.SIGINT)
        raise_if_asked()


def test_an_import_is_not_broken_off(tmp_path, monkeypatch):
    (tmp_path / "slow_to_import.py").write_text(
        "import os, signal, time\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "time.sleep(0.2)\n"
        "whole = True\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    def work():
        import slow_to_import

        assert slow_to_import.whole
        time.sleep(10)

    with pytest.raises(Interrupted), listening():
        work()
    assert sys.modules["slow_to_import"].whole


class Told:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)


def test_a_signal_is_not_lost_while_an_object_is_removed():
    """Python ignores what is raised there, and the command went on."""

    def work():
        Told()
        time.sleep(10)

    with pytest.raises(Interrupted), listening():
        work()


TWICE = """
import os, signal
from tlkit.base.interruption import delayed, listening
signal.signal(signal.SIGINT, signal.default_int_handler)
with listening(), delayed():
    os.kill(os.getpid(), signal.SIGINT)
    print("goes on", flush=True)
    os.kill(os.getpid(), signal.SIGINT)
    print("never")
"""


def test_a_second_signal_ends_at_once():
    done = subprocess.run(
        [sys.executable, "-c", TWICE], capture_output=True, text=True
    )
    assert done.returncode == 130
    assert done.stdout == "goes on\n"
