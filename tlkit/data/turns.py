"""Large pictures decoded in turn, so that they fit into memory together."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator


class Turns:
    """Lets threads work at the same time on so many pixels and no more.

    Files are decoded on all cores. Pictures of a few megapixels never wait.
    Sixteen of eighty megapixels, on sixteen cores, would need 15 GB.

    Args:
        most: Number of pixels that may be worked on together. A picture of
            more is worked on alone.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._pixels = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def take(self, pixels: int) -> Iterator[None]:
        """Waits until there is room for a picture, and keeps it meanwhile.

        It must not be called again inside the block.

        Args:
            pixels: Number of pixels of the picture.
        """
        # A picture alone is always let in, whatever its size.
        with self._changed:
            self._changed.wait_for(
                lambda: not self._pixels or self._pixels + pixels <= self._most
            )
            self._pixels += pixels
        try:
            yield
        finally:
            with self._changed:
                self._pixels -= pixels
                self._changed.notify_all()
