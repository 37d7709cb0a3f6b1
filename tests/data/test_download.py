"""`tlkit.data.public.download` against a real HTTP server on this machine."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import hashlib
import http.server
import importlib.util
import io
import itertools
import json
import multiprocessing
import os
import re
import struct
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from terminal import Terminal

from tlkit.base.errors import TlkitError, UsageError
from tlkit.data.layout import MARKER
from tlkit.data.public.download import (
    PUBLIC,
    Fetched,
    PublicDataset,
    RemoteFile,
    data_home,
    fetch,
    fetch_dataset,
    local_path,
    parse_subset,
)

# --- a server with every vice ------------------------------------------------


@dataclasses.dataclass
class Behaviour:
    """What the server does; each request is noted in `requests`."""

    contents: dict[str, bytes] = dataclasses.field(default_factory=dict)
    ranges: bool = True
    announce: bool = True
    status: int = 200
    # Body bytes after which successive requests are cut off, then none are.
    cuts: list[int] = dataclasses.field(default_factory=list)
    stall_after: int | None = None
    content_range: str | None = None
    url: str = ""
    # (file name, Range header, body bytes sent)
    requests: list[tuple[str, str | None, int]] = dataclasses.field(
        default_factory=list
    )
    stop: threading.Event = dataclasses.field(default_factory=threading.Event)


class Handler(http.server.BaseHTTPRequestHandler):
    behaviour: Behaviour

    def do_GET(self) -> None:
        how, name = self.behaviour, self.path.lstrip("/")
        asked = self.headers.get("Range")
        body, start = how.contents.get(name, b""), 0
        if asked and how.ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])  # type: ignore[index]
        status = how.status if name in how.contents else 404
        if status == 200 and start:
            status = 206 if start < len(body) else 416
        end = start + how.cuts.pop(0) if how.cuts else len(body)
        if how.stall_after is not None:
            end = start + how.stall_after
        part = body[start:end] if status < 400 else b""
        # Noted before the answer: the client may be quicker than this thread.
        how.requests.append((name, asked, len(part)))
        with contextlib.suppress(OSError):
            self.answer(status, start, len(body), part)
        if how.stall_after is not None:
            how.stop.wait(10)

    def answer(self, status: int, start: int, size: int, part: bytes) -> None:
        how = self.behaviour
        if status >= 400:
            self.send_error(status)
            return
        self.send_response(status)
        if status == 206:
            served = f"bytes {start}-{size - 1}/{size}"
            self.send_header("Content-Range", how.content_range or served)
        if how.announce:
            self.send_header("Content-Length", str(size - start))
        self.end_headers()
        self.wfile.write(part)
        self.wfile.flush()

    def log_message(self, *args: Any) -> None:
        """Keeps the test output clean."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Behaviour]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    how = Behaviour()
    handler = type("OneHandler", (Handler,), {"behaviour": how})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(
            target=httpd.serve_forever, kwargs={"poll_interval": 0.01}
        )
        thread.start()
        how.url = f"http://127.0.0.1:{httpd.server_port}"
        yield how
        how.stop.set()
        httpd.shutdown()
        thread.join()


# --- tiny data sets ----------------------------------------------------------


def jpeg(seed: int, format: str = "JPEG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format)
    return stream.getvalue()


BROKEN = {
    "Cat/3.jpg": b"",
    "Cat/7.jpg": b"not a picture at all",
    "Cat/11.jpg": jpeg(11)[:-200],
    "Dog/2.jpg": jpeg(2, "PNG"),
}


def pets(per_class: int = 20) -> dict[str, bytes]:
    """Members in an order that is neither numeric nor alphabetic."""
    numbers = [*range(0, per_class, 2), *range(1, per_class, 2)]
    members = {"PetImages/readme.txt": b"hello", "PetImages/Cat/Thumbs.db": b""}
    for kind, number in itertools.product(("Dog", "Cat"), numbers):
        name = f"{kind}/{number}.jpg"
        content = BROKEN.get(name, jpeg(number + 1000 * (kind == "Dog")))
        members[f"PetImages/{name}"] = content
    return members


def zip_of(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in members.items():
            zipped.writestr(name, content)
    return stream.getvalue()


def remote(server: Behaviour, name: str, content: bytes) -> RemoteFile:
    server.contents[name] = content
    digest = hashlib.sha256(content).hexdigest()
    return RemoteFile(f"{server.url}/{name}", digest, len(content))


def photographs(
    server: Behaviour, members: dict[str, bytes] | None = None
) -> PublicDataset:
    archive = zip_of(pets() if members is None else members)
    return dataclasses.replace(
        PUBLIC["cats-vs-dogs"], files=(remote(server, "pets.zip", archive),)
    )


def idx(array: np.ndarray) -> bytes:
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return gzip.compress(head + array.tobytes())


def clothes() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    return {
        "train-images.gz": rng.integers(0, 256, (10, 4, 5), np.uint8),
        "train-labels.gz": np.array([0, 9, 1, 2, 3, 4, 8, 6, 7, 5], np.uint8),
        "t10k-images.gz": rng.integers(0, 256, (3, 4, 5), np.uint8),
        "t10k-labels.gz": np.array([2, 1, 0], np.uint8),
    }


def idx_dataset(
    server: Behaviour, arrays: dict[str, np.ndarray]
) -> PublicDataset:
    return dataclasses.replace(
        PUBLIC["fashion-mnist"],
        files=tuple(remote(server, k, idx(v)) for k, v in arrays.items()),
    )


def quiet(what: str, done: int, total: int) -> None:
    """A progress that says nothing."""


def numbers_in(folder: Path) -> list[int]:
    return sorted(int(path.stem) for path in folder.iterdir())


def only_archives(home: Path) -> bool:
    """Whether nothing but the archives folder was left behind."""
    return [path.name for path in home.iterdir()] == ["archives"]


# --- photographs -------------------------------------------------------------


def test_every_readable_photograph_is_kept_and_the_others_are_named(
    server: Behaviour, tmp_path: Path
) -> None:
    members = pets(24)
    dataset = photographs(server, members)

    fetched = fetch_dataset(dataset, tmp_path, progress=quiet)

    assert fetched.path == tmp_path / "cats-vs-dogs"
    assert {text.split(" (")[0] for text in fetched.left_out} == {
        f"PetImages/{name}" for name in BROKEN
    }
    assert "empty" in next(t for t in fetched.left_out if "Cat/3" in t)
    made = {
        f"PetImages/{path.parent.name[:-1].title()}/{path.name}": path
        for path in fetched.path.rglob("*.jpg")
    }
    expected = {
        name
        for name in members
        if re.fullmatch(r"PetImages/(Cat|Dog)/\d+\.jpg", name)
        and name.removeprefix("PetImages/") not in BROKEN
    }
    assert set(made) == expected
    assert all(made[name].read_bytes() == members[name] for name in made)
    # 21 cats: 17 + 2 + 2; 23 dogs: 19 + 2 + 2.
    assert fetched.counts == {"train": 36, "validation": 4, "test": 4}
    assert os.fspath(fetched) == str(fetched.path)
    assert "left out, 4 in all" in fetched.summary()


def test_a_subset_takes_the_first_readable_ones_in_numeric_order(
    server: Behaviour, tmp_path: Path
) -> None:
    dataset = photographs(server)

    fetched = fetch_dataset(dataset, tmp_path, "12/6/4", quiet)

    folder = fetched.path
    # Cats 3, 7 and 11 are broken; dog 2 is a PNG in disguise. As text, "10"
    # would come before "4".
    assert numbers_in(folder / "train/cats") == [0, 1, 2, 4, 5, 6]
    assert numbers_in(folder / "validation/cats") == [8, 9, 10]
    assert numbers_in(folder / "test/cats") == [12, 13]
    assert numbers_in(folder / "train/dogs") == [0, 1, 3, 4, 5, 6]
    assert numbers_in(folder / "validation/dogs") == [7, 8, 9]
    assert numbers_in(folder / "test/dogs") == [10, 11]
    assert fetched.counts == {"train": 12, "validation": 6, "test": 4}
    assert sorted(path.name for path in folder.iterdir()) == [
        MARKER,
        "test",
        "train",
        "validation",
    ]


def test_another_subset_needs_no_second_download(
    server: Behaviour, tmp_path: Path
) -> None:
    dataset = photographs(server)
    first = fetch_dataset(dataset, tmp_path, "4/2/2", quiet)
    first.path.rename(tmp_path / "small")

    second = fetch_dataset(dataset, tmp_path, "8/2/2", quiet)

    assert second.counts["train"] == 8
    assert len(server.requests) == 1


def test_what_is_there_is_returned_as_it_is(
    server: Behaviour, tmp_path: Path
) -> None:
    dataset = photographs(server)
    first = fetch_dataset(dataset, tmp_path, "4/2/2", quiet)
    before = (first.path / "train").stat().st_mtime_ns
    server.status = 500

    second = fetch_dataset(dataset, tmp_path, "4/2/2", quiet)

    assert second == first
    assert (first.path / "train").stat().st_mtime_ns == before


@pytest.mark.parametrize("subset", [None, "4/2/4"])
def test_another_subset_does_not_overwrite(
    server: Behaviour, tmp_path: Path, subset: str | None
) -> None:
    dataset = photographs(server)
    fetched = fetch_dataset(dataset, tmp_path, "4/2/2", quiet)

    with pytest.raises(UsageError, match="subset: 4/2/2"):
        fetch_dataset(dataset, tmp_path, subset, quiet)

    assert numbers_in(fetched.path / "test/cats") == [4]


@pytest.mark.parametrize("marker", [None, "{}", "[", "[]", '{"name": 1}'])
def test_a_folder_of_the_users_is_untouched(
    server: Behaviour, tmp_path: Path, marker: str | None
) -> None:
    mine = tmp_path / "cats-vs-dogs" / "train" / "cats" / "tom.jpg"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    if marker is not None:
        (tmp_path / "cats-vs-dogs" / MARKER).write_text(marker)

    with pytest.raises(UsageError, match="something else at the destination"):
        fetch_dataset(photographs(server), tmp_path, progress=quiet)

    assert mine.read_bytes() == b"mine"
    assert server.requests == []


def test_more_than_there_are(server: Behaviour, tmp_path: Path) -> None:
    dataset = photographs(server)

    # 20 cats, of which 3 are broken: 34 of both is the most.
    with pytest.raises(TlkitError, match="at most 34 in all") as caught:
        fetch_dataset(dataset, tmp_path, "30/4/2", quiet)

    assert not isinstance(caught.value, UsageError)
    assert only_archives(tmp_path)
    assert fetch_dataset(dataset, tmp_path, "30/2/2", quiet).counts == {
        "train": 30,
        "validation": 2,
        "test": 2,
    }


def test_too_few_to_divide(server: Behaviour, tmp_path: Path) -> None:
    with pytest.raises(TlkitError, match="10 of each class"):
        fetch_dataset(photographs(server, pets(9)), tmp_path, progress=quiet)


@pytest.mark.parametrize(
    "text",
    ["", "2000", "2000/1000", "2/2/2/2", "3/2/2", "0/2/2", "-2/2/2", "2/2/x"],
)
def test_subset_of_another_form(text: str) -> None:
    with pytest.raises(UsageError, match="2000/1000/1000"):
        parse_subset(text)


def test_interrupted_unpacking_leaves_no_destination(
    server: Behaviour, tmp_path: Path
) -> None:
    dataset = photographs(server)

    def interrupt(what: str, done: int, total: int) -> None:
        if what == "Unpacking dogs" and done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_dataset(dataset, tmp_path, progress=interrupt)

    assert only_archives(tmp_path)
    fetch_dataset(dataset, tmp_path, progress=quiet)
    assert len(server.requests) == 1


def test_what_a_killed_fetch_left_is_not_mixed_in(
    server: Behaviour, tmp_path: Path
) -> None:
    stale = tmp_path / ".cats-vs-dogs.partial" / "train" / "cats" / "999.jpg"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(jpeg(1))

    fetched = fetch_dataset(photographs(server), tmp_path, "4/2/2", quiet)

    assert numbers_in(fetched.path / "train/cats") == [0, 1]
    assert not (tmp_path / ".cats-vs-dogs.partial").exists()


# --- hostile archives --------------------------------------------------------


def test_no_member_leads_out_of_the_folder(
    server: Behaviour, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    names = (
        "../evil.jpg",
        "/evil.jpg",
        "PetImages/Cat/../../../evil.jpg",
        "PetImages/Cat/1.jpg/../../evil.jpg",
        "PetImages\\Cat\\..\\..\\evil.jpg",
        "PetImages/Cat/٣.jpg",
        "PetImages/Cat/1.jpg\n",
    )
    evil = dict.fromkeys(names, jpeg(666))
    dataset = photographs(server, evil | pets())

    fetched = fetch_dataset(dataset, home, progress=quiet)

    assert not list(tmp_path.rglob("evil*"))
    assert jpeg(666) not in {p.read_bytes() for p in home.rglob("*.jpg")}
    assert sum(fetched.counts.values()) == 40 - len(BROKEN)
    assert sorted(path.name for path in home.iterdir()) == [
        "archives",
        "cats-vs-dogs",
    ]


def test_a_link_in_the_archive_becomes_no_link(
    server: Behaviour, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    stream = io.BytesIO(zip_of(pets()))
    with zipfile.ZipFile(stream, "a") as zipped:
        link = zipfile.ZipInfo("PetImages/Cat/100.jpg")
        link.external_attr = 0o120777 << 16
        zipped.writestr(link, str(secret))
    file = remote(server, "pets.zip", stream.getvalue())
    dataset = dataclasses.replace(PUBLIC["cats-vs-dogs"], files=(file,))

    fetched = fetch_dataset(dataset, tmp_path / "home", progress=quiet)

    assert any("Cat/100.jpg" in text for text in fetched.left_out)
    assert not any(path.is_symlink() for path in fetched.path.rglob("*"))


def test_a_bomb_is_left_out(server: Behaviour, tmp_path: Path) -> None:
    # 33 MiB that pack to 33 kB.
    bomb = {"PetImages/Cat/50.jpg": jpeg(1)[:4] + bytes(33 * 2**20)}
    dataset = photographs(server, pets() | bomb)
    assert dataset.files[0].size < 200_000

    fetched = fetch_dataset(dataset, tmp_path, progress=quiet)

    (text,) = (text for text in fetched.left_out if "Cat/50.jpg" in text)
    assert "more than 33,554,432 bytes" in text


def test_an_archive_that_unpacks_to_too_much_is_refused(
    server: Behaviour, tmp_path: Path
) -> None:
    dataset = dataclasses.replace(photographs(server), unpacked_limit=9000)

    with pytest.raises(TlkitError, match="more bytes than allowed"):
        fetch_dataset(dataset, tmp_path, progress=quiet)

    assert only_archives(tmp_path)


def test_a_damaged_member_is_left_out(
    server: Behaviour, tmp_path: Path
) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as zipped:
        for name, content in pets().items():
            zipped.writestr(name, content)
    # Stored, not packed: its bytes stand in the archive as they are.
    damaged = bytearray(stream.getvalue())
    damaged[damaged.index(jpeg(5)) + 300] ^= 0xFF
    file = remote(server, "pets.zip", bytes(damaged))
    dataset = dataclasses.replace(PUBLIC["cats-vs-dogs"], files=(file,))

    fetched = fetch_dataset(dataset, tmp_path, progress=quiet)

    assert "PetImages/Cat/5.jpg (damaged in the archive)" in fetched.left_out


def test_not_an_archive(server: Behaviour, tmp_path: Path) -> None:
    file = remote(server, "pets.zip", b"this is no zip")
    dataset = dataclasses.replace(PUBLIC["cats-vs-dogs"], files=(file,))

    with pytest.raises(TlkitError, match="archive cannot be used"):
        fetch_dataset(dataset, tmp_path, progress=quiet)


# --- the download ------------------------------------------------------------


def test_a_cut_connection_is_resumed_without_sending_twice(
    server: Behaviour, tmp_path: Path
) -> None:
    dataset = photographs(server)
    size = dataset.files[0].size
    server.cuts = [7000, 5000]

    fetch_dataset(dataset, tmp_path, progress=quiet)

    ranges = [asked for _, asked, _ in server.requests]
    assert ranges == [None, "bytes=7000-", "bytes=12000-"]
    assert sum(sent for _, _, sent in server.requests) == size


def test_an_interrupted_download_is_resumed_by_the_next_call(
    server: Behaviour, tmp_path: Path
) -> None:
    dataset = photographs(server)
    partial = tmp_path / "archives" / "pets.zip.partial"

    def interrupt(what: str, done: int, total: int) -> None:
        if done > 10_000:
            raise KeyboardInterrupt

    server.stall_after = 12_000
    with pytest.raises(KeyboardInterrupt):
        fetch_dataset(dataset, tmp_path, progress=interrupt)
    server.stall_after = None
    kept = partial.stat().st_size
    assert kept > 10_000

    fetch_dataset(dataset, tmp_path, progress=quiet)

    assert server.requests[1][1:] == (
        f"bytes={kept}-",
        dataset.files[0].size - kept,
    )
    assert not partial.exists()


def test_a_line_that_breaks_for_ever_is_given_up(
    server: Behaviour, tmp_path: Path
) -> None:
    dataset = photographs(server)
    server.cuts = [1000] * 50

    with pytest.raises(TlkitError, match="ended after 5,000 of"):
        fetch_dataset(dataset, tmp_path, progress=quiet)

    assert len(server.requests) == 5
    assert (tmp_path / "archives/pets.zip.partial").stat().st_size == 5000


def test_a_server_without_ranges_sends_everything_again(
    server: Behaviour, tmp_path: Path
) -> None:
    dataset = photographs(server)
    server.ranges = False
    partial = tmp_path / "archives" / "pets.zip.partial"
    partial.parent.mkdir()
    partial.write_bytes(server.contents["pets.zip"][:5000])

    fetched = fetch_dataset(dataset, tmp_path, progress=quiet)

    assert server.requests == [
        ("pets.zip", "bytes=5000-", dataset.files[0].size)
    ]
    assert fetched.counts["train"]


@pytest.mark.parametrize("content_range", ["bytes 0-9/10", "nonsense"])
def test_a_wrong_part_is_not_appended(
    server: Behaviour, tmp_path: Path, content_range: str
) -> None:
    dataset = photographs(server)
    server.content_range = content_range
    partial = tmp_path / "archives" / "pets.zip.partial"
    partial.parent.mkdir()
    partial.write_bytes(server.contents["pets.zip"][:5000])

    fetch_dataset(dataset, tmp_path, progress=quiet)

    assert [r[1] for r in server.requests] == ["bytes=5000-", None]


def test_the_file_has_shrunk_since_the_download_began(
    server: Behaviour, tmp_path: Path
) -> None:
    """The server answers 416 and then offers a file of another length."""
    dataset = photographs(server)
    partial = tmp_path / "archives" / "pets.zip.partial"
    partial.parent.mkdir()
    partial.write_bytes(b"x" * 5000)
    server.contents["pets.zip"] = b"short"

    with pytest.raises(TlkitError, match="offers 5 bytes instead of"):
        fetch_dataset(dataset, tmp_path, progress=quiet)

    assert [r[1] for r in server.requests] == ["bytes=5000-", None]
    assert partial.stat().st_size == 5000


def test_a_beginning_of_another_version_is_thrown_away_once(
    server: Behaviour, tmp_path: Path
) -> None:
    dataset = photographs(server)
    partial = tmp_path / "archives" / "pets.zip.partial"
    partial.parent.mkdir()
    partial.write_bytes(b"x" * 5000)

    fetch_dataset(dataset, tmp_path, progress=quiet)

    assert [r[1] for r in server.requests] == ["bytes=5000-", None]


def test_a_partial_file_that_is_too_long_is_begun_again(
    server: Behaviour, tmp_path: Path
) -> None:
    dataset = photographs(server)
    partial = tmp_path / "archives" / "pets.zip.partial"
    partial.parent.mkdir()
    partial.write_bytes(bytes(dataset.files[0].size + 1))

    fetch_dataset(dataset, tmp_path, progress=quiet)

    assert [r[1] for r in server.requests] == [None]


def test_a_whole_partial_file_is_not_downloaded_again(
    server: Behaviour, tmp_path: Path
) -> None:
    dataset = photographs(server)
    partial = tmp_path / "archives" / "pets.zip.partial"
    partial.parent.mkdir()
    partial.write_bytes(server.contents["pets.zip"])

    fetch_dataset(dataset, tmp_path, progress=quiet)

    assert server.requests == []


def test_another_file_of_the_same_size_is_refused(
    server: Behaviour, tmp_path: Path
) -> None:
    dataset = photographs(server)
    expected = dataset.files[0].sha256
    other = bytearray(server.contents["pets.zip"])
    other[100] ^= 1
    server.contents["pets.zip"] = bytes(other)

    with pytest.raises(TlkitError) as caught:
        fetch_dataset(dataset, tmp_path, progress=quiet)

    message = str(caught.value)
    assert expected in message
    assert hashlib.sha256(other).hexdigest() in message
    assert str(tmp_path / "archives" / "pets.zip") in message
    assert len(server.requests) == 1
    assert os.listdir(tmp_path / "archives") == ["cats-vs-dogs.lock"]


@pytest.mark.parametrize("announce", [True, False])
def test_too_many_bytes_are_refused(
    server: Behaviour, tmp_path: Path, announce: bool
) -> None:
    dataset = photographs(server)
    server.contents["pets.zip"] += bytes(5 * 2**20)
    server.announce = announce

    with pytest.raises(TlkitError, match="bytes") as caught:
        fetch_dataset(dataset, tmp_path, progress=quiet)

    assert len(server.requests) == 1
    kept = sum(p.stat().st_size for p in (tmp_path / "archives").iterdir())
    assert kept == 0
    assert ("offers" if announce else "more than") in str(caught.value)


@pytest.mark.parametrize("status", [403, 404, 416, 500])
def test_an_error_of_the_server_says_how_to_go_on(
    server: Behaviour, tmp_path: Path, status: int
) -> None:
    dataset = photographs(server)
    server.status = status

    with pytest.raises(TlkitError, match=f"answered {status}") as caught:
        fetch_dataset(dataset, tmp_path, progress=quiet)

    message = str(caught.value)
    file = dataset.files[0]
    archive = tmp_path / "archives" / "pets.zip"
    assert file.url in message
    assert file.sha256 in message
    assert str(archive) in message
    archive.write_bytes(server.contents["pets.zip"])
    assert fetch_dataset(dataset, tmp_path, progress=quiet).counts["test"]
    assert len(server.requests) == 1


def test_no_server_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as closed:
        port = closed.server_port
    monkeypatch.setenv("TLKIT_DATA", str(tmp_path))

    with pytest.raises(TlkitError, match="refused") as caught:
        fetch("mnist", progress=quiet, base_url=f"http://127.0.0.1:{port}/a/")

    message = str(caught.value)
    assert f"http://127.0.0.1:{port}/a/mnist.npz" in message
    assert PUBLIC["mnist"].files[0].sha256 in message
    assert str(tmp_path / "archives" / "mnist.npz") in message


def test_a_stalled_server_is_given_up_and_what_came_is_kept(
    server: Behaviour, tmp_path: Path
) -> None:
    dataset = photographs(server)
    server.stall_after = 0
    partial = tmp_path / "archives" / "pets.zip.partial"
    partial.parent.mkdir()
    partial.write_bytes(server.contents["pets.zip"][:3000])

    with pytest.raises(TlkitError, match="said nothing"):
        fetch_dataset(dataset, tmp_path, progress=quiet, timeout=0.3)

    assert partial.stat().st_size == 3000


def test_a_wrong_file_placed_by_hand_is_refused_and_not_touched(
    server: Behaviour, tmp_path: Path
) -> None:
    dataset = photographs(server)
    archive = tmp_path / "archives" / "pets.zip"
    archive.parent.mkdir()
    archive.write_bytes(b"something else")

    with pytest.raises(TlkitError, match="not the file it should be"):
        fetch_dataset(dataset, tmp_path, progress=quiet)

    assert archive.read_bytes() == b"something else"
    assert server.requests == []


def test_a_disk_without_room_is_found_out_before(
    server: Behaviour, tmp_path: Path
) -> None:
    file = dataclasses.replace(photographs(server).files[0], size=10**18)
    dataset = dataclasses.replace(PUBLIC["cats-vs-dogs"], files=(file,))

    with pytest.raises(TlkitError, match="Not enough space"):
        fetch_dataset(dataset, tmp_path, progress=quiet)

    assert server.requests == []


LIMITED = """
import resource, sys
from tlkit.data.public.download import PublicDataset, RemoteFile, fetch_dataset
from tlkit.base.errors import TlkitError
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
file = RemoteFile(sys.argv[1], sys.argv[2], int(sys.argv[3]))
data = PublicDataset("x", "x", "photographs", (file,), 10**9, "", "", "")
try:
    fetch_dataset(data, sys.argv[4])
except TlkitError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no resource limits")
def test_a_disk_that_fills_up_gives_a_message(
    server: Behaviour, tmp_path: Path
) -> None:
    """A limit on file sizes makes the system refuse a write for real."""
    file = photographs(server).files[0]

    done = subprocess.run(
        [
            *(sys.executable, "-c", LIMITED, file.url, file.sha256),
            *(str(file.size), str(tmp_path)),
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "Cannot work in the data folder" in done.stdout
    assert "Traceback" not in done.stderr
    assert (tmp_path / "archives/pets.zip.partial").stat().st_size == 4000


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="root may write"
)
def test_a_folder_that_cannot_be_written(
    server: Behaviour, tmp_path: Path
) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(TlkitError, match="Cannot work in the data folder"):
        fetch_dataset(photographs(server), tmp_path, progress=quiet)
    tmp_path.chmod(0o700)


@pytest.mark.parametrize("processes", [True, False])
def test_two_at_once_download_once(
    server: Behaviour, tmp_path: Path, processes: bool
) -> None:
    dataset = photographs(server)
    calls = [(dataset, tmp_path, "4/2/2", quiet if not processes else None)]
    if processes:
        spawn = multiprocessing.get_context("spawn")
        with spawn.Pool(2) as pool:
            made: list[Fetched] = pool.starmap(fetch_dataset, calls * 2, 1)
    else:
        with ThreadPoolExecutor(2) as threads:
            made = list(threads.map(lambda c: fetch_dataset(*c), calls * 2))

    assert made[0] == made[1]
    assert server.requests == [("pets.zip", None, dataset.files[0].size)]


def test_the_one_who_waits_is_told(server: Behaviour, tmp_path: Path) -> None:
    dataset = photographs(server)
    server.stall_after = 100
    told: list[str] = []
    waiting = threading.Event()

    def note(what: str, done: int, total: int) -> None:
        told.append(what)
        if what.startswith("Waiting"):
            waiting.set()

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(fetch_dataset, dataset, tmp_path, None, quiet)
        while not server.requests:
            waiting.wait(0.01)
        second = threads.submit(fetch_dataset, dataset, tmp_path, None, note)
        assert waiting.wait(10)
        server.stall_after = None
        server.stop.set()
        assert first.result() == second.result()

    assert set(told) == {"Waiting for another fetch of cats-vs-dogs"}


# --- arrays ------------------------------------------------------------------


def test_idx_files_become_one_npz_in_keras_form(
    server: Behaviour, tmp_path: Path
) -> None:
    arrays = clothes()

    fetched = fetch_dataset(
        idx_dataset(server, arrays), tmp_path, progress=quiet
    )

    assert fetched.path == tmp_path / "fashion-mnist.npz"
    assert fetched.counts == {"train": 10, "test": 3}
    with np.load(fetched.path, allow_pickle=False) as made:
        names = ("x_train", "y_train", "x_test", "y_test")
        for name, expected in zip(names, arrays.values(), strict=True):
            np.testing.assert_array_equal(made[name], expected)
            assert made[name].dtype == np.uint8
        assert made["class_names"][9] == "Ankle boot"
        assert len(made["class_names"]) == 10
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "archives",
        "fashion-mnist.npz",
    ]


def test_an_npz_that_is_there_is_returned_or_refused(
    server: Behaviour, tmp_path: Path
) -> None:
    dataset = idx_dataset(server, clothes())
    first = fetch_dataset(dataset, tmp_path, progress=quiet)
    server.status = 500
    assert fetch_dataset(dataset, tmp_path, progress=quiet) == first

    first.path.write_bytes(b"PK something of mine")
    with pytest.raises(UsageError, match="something else at the destination"):
        fetch_dataset(dataset, tmp_path, progress=quiet)
    assert first.path.read_bytes() == b"PK something of mine"


def test_an_npz_is_used_as_it_is(server: Behaviour, tmp_path: Path) -> None:
    stream = io.BytesIO()
    arrays = dict(
        zip(
            ("x_train", "y_train", "x_test", "y_test"),
            clothes().values(),
            strict=True,
        )
    )
    np.savez(stream, **arrays)  # type: ignore[arg-type]
    file = remote(server, "mnist.npz", stream.getvalue())
    dataset = dataclasses.replace(PUBLIC["mnist"], files=(file,))

    fetched = fetch_dataset(dataset, tmp_path, progress=quiet)

    assert fetched.path.read_bytes() == stream.getvalue()
    assert fetched.counts == {"train": 10, "test": 3}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no gzip", "IDX"),
        (gzip.compress(b"\0\0"), "IDX"),
        (gzip.compress(b"\0\0\x0d\1\0\0\0\1abcd"), "first 00000d01"),
        (gzip.compress(b"\0\0\x08\1\0\0\0\5abcd"), "first 00000801"),
        (idx(np.zeros((2, 2, 2), np.uint8))[:-9], "IDX"),
        (gzip.compress(bytes(65 * 2**20)), "more than 67,108,864 bytes"),
    ],
    # gzip writes the time, by which processes would name the tests apart.
    ids=["no gzip", "short", "float64", "cut", "cut in its rows", "too large"],
)
def test_a_file_that_is_not_idx(
    server: Behaviour, tmp_path: Path, content: bytes, message: str
) -> None:
    dataset = idx_dataset(server, clothes())
    files = (remote(server, "train-images.gz", content), *dataset.files[1:])
    dataset = dataclasses.replace(dataset, files=files)

    with pytest.raises(TlkitError, match=message):
        fetch_dataset(dataset, tmp_path, progress=quiet)

    assert only_archives(tmp_path)


def test_arrays_have_no_subset(server: Behaviour, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Leave the subset out"):
        fetch_dataset(idx_dataset(server, clothes()), tmp_path, "2/2/2")


# --- names, places, progress -------------------------------------------------


def test_the_mnist_hash_is_the_one_keras_checks() -> None:
    keras = importlib.util.find_spec("keras")
    assert keras is not None
    assert keras.origin is not None
    source = Path(keras.origin).parent / "src" / "datasets" / "mnist.py"
    assert PUBLIC["mnist"].files[0].sha256 in source.read_text()


@pytest.mark.parametrize("dataset", PUBLIC.values(), ids=list(PUBLIC))
def test_the_records_are_whole(dataset: PublicDataset) -> None:
    assert PUBLIC[dataset.name] is dataset
    assert dataset.source.startswith("https://")
    assert dataset.terms
    assert dataset.citation
    for file in dataset.files:
        assert file.url.startswith("https://")
        assert re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert 0 < file.size < 2**30


def test_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TLKIT_DATA", raising=False)
    assert data_home() == Path("data")
    monkeypatch.setenv("TLKIT_DATA", str(tmp_path))
    assert local_path("cats-vs-dogs") == tmp_path / "cats-vs-dogs"
    assert local_path("fashion-mnist") == tmp_path / "fashion-mnist.npz"
    assert local_path("mnist") == tmp_path / "mnist.npz"
    for call in (local_path, fetch):
        with pytest.raises(UsageError, match="cats-vs-dogs, fashion-mnist"):
            call("cats_vs_dogs")


@pytest.mark.parametrize("base_url", ["file:///etc", "ftp://host", "host/a"])
def test_a_mirror_is_a_web_address(base_url: str) -> None:
    with pytest.raises(UsageError, match="http or https"):
        fetch("mnist", base_url=base_url)


def test_without_a_terminal_quarters_are_printed(
    server: Behaviour, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch_dataset(photographs(server), tmp_path, "4/2/2")

    printed = capsys.readouterr()
    assert printed.out == ""
    lines = printed.err.splitlines()
    assert lines[0] == "Downloading pets.zip: 0 %"
    assert "Downloading pets.zip: 100 %" in lines
    assert lines[-4:] == [
        f"Unpacking dogs: {percent} %" for percent in (25, 50, 75, 100)
    ]


REPORT = """
from tlkit.data.public.remote import reporting
with reporting(None) as report:
    for done in range(0, 101, 50):
        report("Downloading pets.zip", done, 100)
        __import__("time").sleep(0.3)
"""


def test_in_a_terminal_bars_are_drawn() -> None:
    terminal = Terminal(["-c", REPORT])
    assert terminal.wait() == 0
    drawn = r"Downloading pets\.zip \S+ \d+ %"
    assert any(re.fullmatch(drawn, one) for one in terminal.pictures)
    assert terminal.screen.shown() == ""


def test_the_marker_says_what_the_folder_is(
    server: Behaviour, tmp_path: Path
) -> None:
    dataset = photographs(server)
    fetched = fetch_dataset(dataset, tmp_path, "4/2/2", quiet)

    assert json.loads((fetched.path / MARKER).read_text()) == {
        "name": "cats-vs-dogs",
        "subset": "4/2/2",
        "sha256": [dataset.files[0].sha256],
        "counts": {"train": 4, "validation": 2, "test": 2},
        "left_out": list(fetched.left_out),
    }


def test_the_summary_names_a_few() -> None:
    many = tuple(f"{n}.jpg (empty)" for n in range(8))
    lines = Fetched(Path("x"), {"train": 1}, many).summary().splitlines()
    assert lines[1] == "left out, 8 in all:"
    assert lines[-1] == "  and 3 more"


def test_no_heavy_import() -> None:
    """`tlkit data fetch` should start at once."""
    code = (
        "import sys, tlkit.data.public.download; "
        "print({'tensorflow', 'keras', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
