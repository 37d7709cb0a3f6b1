"""Locks that processes take on files, also those of other machines."""

from __future__ import annotations

import errno
import os

import filelock

#: What a disk answers that has no locks: some of Lustre's, NFS's without its
#: lock service, some of FUSE's.
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP)


class NoLocksError(OSError):
    """The disk has no locks, so nothing is known about other processes."""


def try_lock(
    path: str | os.PathLike[str], any_thread: bool = False
) -> filelock.BaseFileLock | None:
    """Takes the lock of a file, unless another process has it.

    The system frees it if this process dies.

    Args:
        path: The file, which is made if it is missing.
        any_thread: Whether another thread may release it.

    Returns:
        The lock, to be released; None if another process has it.

    Raises:
        NoLocksError: The disk has no locks.
        OSError: The file cannot be made or opened.
    """
    try:
        return _acquired(path, timeout=0, any_thread=any_thread)
    except filelock.Timeout:
        return None


def wait_for_lock(path: str | os.PathLike[str]) -> filelock.BaseFileLock:
    """Takes the lock of a file, as soon as no other process has it.

    Args:
        path: The file, which is made if it is missing.

    Returns:
        The lock, to be released.

    Raises:
        NoLocksError: The disk has no locks.
        OSError: The file cannot be made or opened.
    """
    return _acquired(path, timeout=-1)


def _acquired(
    path: str | os.PathLike[str], timeout: float, any_thread: bool = False
) -> filelock.BaseFileLock:
    # In place of a lock of the system, filelock would take the mere existence
    # of a file, which stays when its process is killed on another machine.
    lock = filelock.FileLock(
        path, thread_local=not any_thread, fallback_to_soft=False
    )
    try:
        lock.acquire(timeout=timeout)
    except NotImplementedError as error:
        raise NoLocksError(errno.ENOLCK, "this disk has no locks") from error
    # Timeout is an OSError, too, without a number.
    except OSError as error:
        if error.errno in _NO_LOCKS:
            raise NoLocksError(error.errno, "this disk has no locks") from error
        raise
    return lock
