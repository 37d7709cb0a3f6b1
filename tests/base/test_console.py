"""Lines of progress: to the letter, and for nobody's sake at any price."""

import io
import json
import os
import re
import signal
import subprocess
import sys

import pytest
from rich.console import Console
from terminal import Screen, Terminal

from tlkit.base.console import Bar, Rate, Seldom, clock, in_digits
from tlkit.base.errors import UsageError

CODE = """
import pathlib, sys
from tlkit.base.console import counting, say
for line in range(50):
    say(f"line {line}")
    with counting("decoding", 2) as advance:
        advance(1)
pathlib.Path(sys.argv[1]).write_text("done")
"""


def test_work_goes_on_when_nobody_reads_its_progress(tmp_path):
    """`tlkit features DATA 2>&1 | head -1` ended the training."""
    read, write = os.pipe()
    os.close(read)
    path = tmp_path / "result"
    done = subprocess.run([sys.executable, "-c", CODE, path], stderr=write)
    os.close(write)
    assert done.returncode == 0
    assert path.read_text() == "done"


def test_lines_are_said_to_the_letter():
    name = os.fsdecode(b"[red]a[/b].jpg :smile: \xe9\x1b[2J")
    code = f"from tlkit.base.console import say; say({name!r} * 20)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    expected = rb"[red]a[/b].jpg :smile: \udce9\x1b[2J" * 20
    assert done.stderr.rstrip(b"\n") == expected


WORKS = """
import sys, time
import typer
from tlkit.base.console import Bar, Display, say
from tlkit.base.interruption import delayed, raise_if_asked
from tlkit.cli.command import errors_in_words
below = ("learning rate 0.001  best epoch 12: loss 0.1234, accuracy 0.931",
         "rate 0.001  best epoch 12: loss 0.1234, accuracy 0.931")
display = Display()

def work():
    try:
        for number in range(300):
            display.show(lambda: Bar("epoch 12/20", number, 300, rate=1234.5,
                                     left=133, below=below))
            if number % 50 == 1:
                say(f"a line {number}")
            time.sleep(0.03)
            if sys.argv[1] == "steps":
                raise_if_asked()
    finally:
        display.close()

try:
    with errors_in_words(), delayed():
        work()
except typer.Exit as end:
    sys.exit(end.exit_code)
"""


@pytest.mark.parametrize("columns", [80, 60])
def test_a_display_fits_the_terminal_and_lines_stand_above(columns):
    terminal = Terminal(["-c", WORKS, "steps"], columns)
    terminal.wait_for("a line 51\nepoch.*\n.*rate.*931")
    above, line, bar, below = terminal.screen.shown().split("\n")
    assert (above, line) == ("a line 1", "a line 51")
    drawn = r"epoch 12/20 [━╸╺]+ \d+/300  1,234 images/s  2:13 left"
    assert re.fullmatch(drawn, bar)
    assert below.startswith("learning" if columns == 80 else "rate")
    assert below.endswith(
        "rate 0.001  best epoch 12: loss 0.1234, accuracy 0.931"
    )
    assert terminal.screen.widest <= columns
    assert terminal.screen.cursor_shown
    terminal.process.kill()
    terminal.wait()
    assert terminal.screen.cursor_shown


def test_ctrl_c_leaves_the_terminal_clean():
    terminal = Terminal(["-c", WORKS, "steps"])
    terminal.wait_for("a line 1\nepoch")
    terminal.interrupt()
    assert terminal.wait() == 130
    assert terminal.screen.shown() == (
        "a line 1\n"
        "Finishing the step and saving; once more ends at once.\n"
        "Interrupted."
    )
    assert terminal.screen.cursor_shown


def test_a_second_ctrl_c_leaves_it_clean_as_well():
    terminal = Terminal(["-c", WORKS, "deaf"])
    terminal.wait_for("a line 1\nepoch")
    terminal.interrupt()
    # The display is drawn again, below.
    terminal.wait_for(r"(?s)at once\..*epoch 12/20")
    assert terminal.screen.shown().count("images/s") == 1
    terminal.interrupt()
    assert terminal.wait() == 130
    shown = terminal.screen.shown().split("\n")
    assert shown[1].startswith("Finishing the step")
    assert "images/s" not in "".join(shown)
    assert terminal.screen.cursor_shown


INTERRUPTED = """
import sys
from tlkit.base.console import Bar, Display, say
asked = []
class Stream:
    def __init__(self, stream):
        self._stream = stream
    def __getattr__(self, name):
        return getattr(self._stream, name)
    def write(self, text):
        self._stream.write(text)
        if "images/s" in text and not asked:
            asked.append(True)
            raise KeyboardInterrupt
say("a line")
display = Display()
sys.stderr = Stream(sys.stderr)
try:
    display.show(lambda: Bar("x", 1, 3, rate=5.0, below=("more",)))
except KeyboardInterrupt:
    display.close()
say("Interrupted.")
"""


def test_an_interruption_of_the_first_picture_leaves_nothing():
    """Rich printed it a second time, and removed but one of the two."""
    terminal = Terminal(["-c", INTERRUPTED])
    assert terminal.wait() == 0
    assert terminal.screen.shown() == "a line\nInterrupted."


def test_results_that_go_to_a_file_stay_there(tmp_path):
    """While a bar is drawn, rich would send them to the terminal."""
    code = """
import sys, time
from tlkit.base.console import counting
with open(sys.argv[1], "w") as sys.stdout, counting("decoding", 2) as advance:
    print("a result")
    print("told", file=sys.stderr)
"""
    terminal = Terminal(["-c", code, tmp_path / "results"])
    assert terminal.wait() == 0
    assert (tmp_path / "results").read_text() == "a result\n"
    assert terminal.screen.shown() == "told"


@pytest.mark.parametrize("signals", [[], [signal.SIGINT]])
def test_all_lines_are_json_where_that_is_asked_for(signals):
    """On a terminal, too, and the handler of a signal included."""
    terminal = Terminal(["-c", WORKS, "steps"], 200, TLKIT_LOG="json")
    terminal.wait_for("a line 1")
    for number in signals:
        terminal.process.send_signal(number)
        assert terminal.wait() == 130
    terminal.process.kill()
    terminal.wait()
    told = [json.loads(line) for line in terminal.screen.shown().split("\n")]
    assert {one["event"] for one in told} == {"note"}
    texts = [one["text"] for one in told]
    assert texts[0] == "a line 1"
    if signals:
        assert texts[-2:] == [
            "Finishing the step and saving; once more ends at once.",
            "Interrupted.",
        ]


def test_json_holds_any_name():
    name = os.fsdecode(b"[red]\xe9\x1b[2J\n")
    code = f"from tlkit.base.console import say; say({name!r})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        env={**os.environ, "TLKIT_LOG": "json"},
    )
    (line,) = done.stderr.splitlines()
    assert json.loads(line) == {"event": "note", "text": name}


def test_an_error_keeps_its_parts():
    error = UsageError("No.", where=3, received=None, remedy="Do.")
    assert error.parts == {"problem": "No.", "where": "3", "fix": "Do."}


def test_a_bar_is_left_out_where_there_is_no_room():
    figures = "500/500  123 images/s  2:30:00 left"
    for columns in range(20, 100):
        console = Console(width=columns, file=io.StringIO())
        with console.capture() as captured:
            console.print(Bar("decoding", 500, 500, rate=123.0, left=9e3))
        (line,) = captured.get().splitlines()
        assert len(line) <= columns
        # Two spaces around it, and one at the end.
        room = columns - len("decoding") - len(figures) - 3
        assert line.count("━") == (min(room, 30) if room >= 5 else 0)


def test_seldom_costs_little(let_pass):
    """200 times the 2 ms that it takes pass between two of them."""
    seldom, done = Seldom(0.0), []
    for _ in range(1000):
        seldom.do(lambda: done.append(let_pass(0.002)))
        let_pass(0.001)
    assert len(done) == 3


def test_seldom_waits_for_its_time(let_pass):
    seldom, done = Seldom(0.25), []
    for _ in range(1000):
        seldom.do(lambda: done.append(let_pass(0.00001)))
        let_pass(0.001)
    assert len(done) == 4


def test_the_first_part_is_no_part_of_the_rate(let_pass):
    rate = Rate()
    assert rate.per_second is None
    let_pass(2)  # compiling
    rate.note(32)
    assert rate.per_second is None
    let_pass(0.1)
    rate.note(64)
    assert rate.per_second == pytest.approx(320)


def test_figures_as_people_write_them():
    assert [in_digits(x) for x in (0.25, 9.5, 99.6, 12345.6)] == [
        *("0.2", "9.5", "100", "12,346"),
    ]
    assert [clock(x) for x in (0, 59.6, 3599, 3600, 90061)] == [
        *("0:00", "1:00", "59:59", "1:00:00", "25:01:01"),
    ]


def test_the_screen_of_these_tests_is_one():
    screen = Screen(4)
    screen.feed("abcdef\nx\r\x1b[1A\x1b[2Ky")
    assert screen.shown() == "abcd\ny\n  x"
    with pytest.raises(AssertionError):
        screen.feed("\x1b[5C")
