"""Large pictures wait for each other, small ones do not."""

import threading

import pytest

from tlkit.data.turns import Turns


def run_together(turns, sizes):
    """Starts a thread for each size; returns the most pixels at one time."""
    inside, most, lock = [0], [0], threading.Lock()
    started = threading.Barrier(len(sizes))

    def work(size):
        started.wait()
        for _ in range(50):
            with turns.take(size):
                with lock:
                    inside[0] += size
                    most[0] = max(most[0], inside[0])
                threading.Event().wait(0.0002)
                with lock:
                    inside[0] -= size

    threads = [threading.Thread(target=work, args=(size,)) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    return most[0]


def test_no_more_pixels_than_allowed_are_worked_on():
    assert run_together(Turns(100), [60, 60, 30, 45]) <= 100
    # What fits together goes on together.
    assert run_together(Turns(100), [20, 20, 20]) == 60


def test_a_picture_that_is_too_large_goes_alone():
    assert run_together(Turns(100), [250, 250, 10]) == 250


def test_an_error_gives_the_room_back(in_time):
    turns = Turns(100)
    with pytest.raises(OSError, match="broken"), turns.take(100):
        raise OSError("broken")

    def again():
        with turns.take(100):
            return True

    assert in_time(again)
