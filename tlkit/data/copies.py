"""Pictures that are in a folder more than once: said, counted and decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tlkit.data.labelled import Labelled
from tlkit.data.names import class_key
from tlkit.data.scan import Remarks


class Usable(NamedTuple):
    """A file that is a whole image, with the digest of its content."""

    file: Labelled
    digest: str


def settle_copies(images: Sequence[Usable], remarks: Remarks) -> list[Usable]:
    """Leaves out copies of a picture that would spoil a figure.

    A picture under two labels is not used at all, since one of them is wrong
    and nobody knows which. Of copies in one class and one split the first is
    used. Copies in two splits stay, since it is for the user to say which
    split is to have them; they are noted elsewhere.

    Args:
        images: The images, in the order of their paths.
        remarks: What is left out is added, with one note for each kind.

    Returns:
        The images that are used, in the same order.
    """
    classes: dict[str, dict[str, Labelled]] = {}
    for file, content in images:
        key = class_key(file.class_name)
        classes.setdefault(content, {}).setdefault(key, file)
    torn = {content: of for content, of in classes.items() if len(of) > 1}
    _note_torn(torn, remarks)
    kept: list[Usable] = []
    first: dict[tuple[str, str], Labelled] = {}
    twice = 0
    for one in images:
        file, content = one
        if content in torn:
            remarks.leave_out(file.path, _other_label(file, torn[content]))
            continue
        original = first.setdefault((content, file.split), file)
        if original is file:
            kept.append(one)
        else:
            twice += 1
            remarks.leave_out(file.path, f"the same as {original.path}")
    if twice:
        remarks.notes.append(
            f"Copies of another picture in their class: {twice}. Each picture "
            "is used once."
        )
    return kept


def _other_label(file: Labelled, classes: Mapping[str, Labelled]) -> str:
    key = class_key(file.class_name)
    other = next(one for name, one in classes.items() if name != key)
    return f"the same as {other.path}, under another label"


def _note_torn(
    torn: Mapping[str, Mapping[str, Labelled]], remarks: Remarks
) -> None:
    if not torn:
        return
    first, second, *_ = next(iter(torn.values())).values()
    remarks.notes.append(
        f"Pictures under two labels: {len(torn)}, such as {first.path.name} in "
        f"{first.class_name} and {second.path.name} in {second.class_name}. "
        "One of the labels is wrong, so none of the copies is used."
    )
