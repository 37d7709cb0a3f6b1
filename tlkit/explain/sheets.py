"""Explanations as files: pictures, a page, a sheet, and boxes as JSON."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2

from tlkit import plots
from tlkit.base.atomic import AGAIN, write_json, write_text
from tlkit.base.disk import disk_errors, is_taken, names_in
from tlkit.base.errors import UsageError
from tlkit.base.filenames import file_name
from tlkit.base.outputs import MARK
from tlkit.base.records import (
    SHARE,
    Column,
    Field,
    Kind,
    Table,
    tabulate,
)
from tlkit.data.decode import resize_image
from tlkit.explain.files import ExplainedFile, Panel, size_within
from tlkit.explain.methods.registry import METHODS
from tlkit.explain.opened.heat import enlarge

#: What tells a page of tlkit's from anyone else's.
_GENERATOR = '<meta name="generator" content="tlkit">'
_PAGE = jinja2.Environment(autoescape=True, trim_blocks=True).from_string(
    """<!doctype html>
<html lang="en">
<meta charset="utf-8">
{{ mark|safe }}
<title>{{ title }}</title>
<style>
 body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem; color: #222 }
 section { display: flex; flex-wrap: wrap; gap: 1rem; margin: 0 0 2rem }
 figure { margin: 0; width: 16rem }
 img { width: 100%; display: block; border-radius: 3px }
 figcaption { overflow-wrap: anywhere }
 small { color: #666 }
</style>
<h1>{{ title }}</h1>
<p>Bright places speak for the class, dark ones do not count. Each heat map is
scaled to its own maximum: brightness cannot be compared between pictures.
Places are given in pixels of the picture's own size.</p>
{% for row in rows %}
<section>
 {% for cell in row %}
 <figure><img src="{{ cell.link }}" alt="{{ cell.caption }}" loading="lazy">
  <figcaption>{{ cell.caption }}<br><small>{{ cell.small }}</small></figcaption>
 </figure>
 {% endfor %}
</section>
{% endfor %}
</html>
"""
)
#: Name of the page.
_SHEET = "sheet.html"
#: A folder whose name begins so holds a sheet that is not finished.
_PARTIAL = ".partial-"
#: Number of pictures, at most, that are drawn into the sheet.
_SHEET_ROWS = 24
#: Longest side in pixels at which they are drawn there.
_SHEET_SIDE = 320


def check_folder(folder: Path) -> None:
    """Makes sure that a folder is new, empty or that of an older sheet.

    Args:
        folder: Folder that `write_sheet` is to write to.

    Raises:
        UsageError: The folder holds something else, or is a file.
    """
    if is_taken(folder) and not _is_ours(folder):
        raise UsageError(
            "The folder holds something other than explanations.",
            where=folder,
            expected="a new or empty folder, or one of older explanations",
            remedy="Choose another folder; nothing was changed.",
        )


def _is_ours(folder: Path) -> bool:
    """Returns whether a folder is empty, or that of an older sheet."""
    page = folder / _SHEET
    if not os.path.isdir(folder):
        return False
    with disk_errors("Cannot look into the folder", folder):
        names = {x for x in names_in(folder) if not _is_partial(x)}
        return names <= {MARK} or (
            page.is_file() and _GENERATOR in page.read_text("utf-8", "replace")
        )


def _is_partial(name: str) -> bool:
    return name.startswith(_PARTIAL)


def write_sheet(
    folder: Path, explained: Iterable[ExplainedFile], title: str
) -> list[dict[str, Any]]:
    """Writes every picture with its heat maps, and a page that shows them all.

    The folder then holds `sheet.html`, `sheet.png` (the first 24 pictures),
    `regions.json` (the box of each hot region in pixels of the picture's own
    size, see `hot_box`), and every picture with its overlays, of at most
    `MOST_SIDE` pixels a side.

    Args:
        folder: Folder to write to: a new one, or that of an older sheet, whose
            files are replaced.
        explained: Explanations from `explain_files`. Each is written when it
            comes, so that they are never in memory all at once.
        title: Title of the page.

    Returns:
        The records in `regions.json`.

    Raises:
        UsageError: The folder holds something else.
        TlkitError: The disk is full or the folder cannot be written.
    """
    check_folder(folder)
    with _at_once(folder) as aside:
        return _write(aside, explained, title)


@contextlib.contextmanager
def _at_once(folder: Path) -> Iterator[Path]:
    """Gives a folder whose files come into another when all are written.

    An older sheet stays as it was until then.
    """
    for name in filter(_is_partial, names_in(folder)):
        shutil.rmtree(folder / name, ignore_errors=True)
    aside = folder / f"{_PARTIAL}{secrets.token_hex(4)}"
    try:
        yield aside
        names = names_in(aside)
        for name in names:
            if name.endswith(".png"):
                plots.check_replaceable(folder / name)
        with disk_errors("Cannot write the explanations", folder, AGAIN):
            # The page last, as it speaks of the others.
            for name in sorted(names, key=lambda name: name == _SHEET):
                os.replace(aside / name, folder / name)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _write(
    folder: Path, explained: Iterable[ExplainedFile], title: str
) -> list[dict[str, Any]]:
    rows: list[list[dict[str, str]]] = []
    records: list[dict[str, Any]] = []
    shown: list[ExplainedFile] = []
    for number, one in enumerate(explained, start=1):
        stem = f"{number:03d}_{one.path.stem}"
        rows.append(_write_pictures(folder, stem, one))
        records += [_record(one, panel) for panel in one.panels]
        if len(shown) < _SHEET_ROWS:
            shown.append(_small(one))
    write_json(folder / "regions.json", records)
    page = _PAGE.render(title=title, rows=rows, mark=_GENERATOR)
    write_text(folder / _SHEET, page)
    plots.save_beside(folder, lambda: draw_sheet(shown, len(rows)), "sheet.png")
    return records


def _small(one: ExplainedFile) -> ExplainedFile:
    """Makes a picture as small as the sheet has room for, as many are kept."""
    size = size_within((one.image.shape[0], one.image.shape[1]), _SHEET_SIDE)
    panels = (
        replace(panel, heat=enlarge(panel.heat[None], size)[0])
        for panel in one.panels
    )
    image = resize_image(one.image, size)
    return replace(one, image=image, panels=tuple(panels))


def _write_pictures(
    folder: Path, stem: str, one: ExplainedFile
) -> list[dict[str, str]]:
    own = file_name(stem, ".png")
    plots.save_image(one.image, folder / own)
    cells = [
        {"link": quote(own), "caption": str(one.path), "small": _size(one)}
    ]
    for number, panel in enumerate(one.panels, start=1):
        name = file_name(stem, f".{number}_{panel.method}.png")
        plots.save_image(plots.overlay(one.image, panel.heat), folder / name)
        cells.append(
            {
                "link": quote(name),
                "caption": panel.caption,
                "small": f"{panel.model}; {_place(panel)}",
            }
        )
    return cells


def _size(one: ExplainedFile) -> str:
    height, width = one.size
    own = f"{width:,} x {height:,} pixels"
    if one.image.shape[:2] == one.size:
        return own
    height, width = one.image.shape[:2]
    return f"shown at {width:,} x {height:,} of {own}"


def _place(panel: Panel) -> str:
    box = panel.box
    if not panel.heat.any():
        return "nothing speaks for this class"
    if box is None:
        return "no single place stands out"
    return (
        f"hot from {box.left}, {box.top} to {box.right - 1}, {box.bottom - 1}"
    )


def _record(one: ExplainedFile, panel: Panel) -> dict[str, Any]:
    box = panel.box
    return {
        "image": str(one.path),
        "model": panel.model,
        "method": panel.method,
        "class": panel.class_name,
        "probability": panel.probability,
        "box": box._asdict() if box else None,
    }


_BOX = Kind(
    "box",
    lambda box: ", ".join(map(str, box.values())),
    right=False,
    missing="none",
)
#: What a table shows of each explanation in `regions.json`.
_COLUMNS: list[Field[Mapping[str, Any]]] = [
    (Column("image", long=True), itemgetter("image")),
    (Column("model"), itemgetter("model")),
    (Column("method"), itemgetter("method")),
    (Column("class"), itemgetter("class")),
    (Column("probability", SHARE), itemgetter("probability")),
    (Column("hot region (left, top, right, bottom)", _BOX), itemgetter("box")),
]


def regions_table(records: Sequence[Mapping[str, Any]]) -> Table:
    """Tabulates where the hot regions of pictures lie.

    Args:
        records: What `write_sheet` returned. The models are named if there
            are several.
    """
    several = len({record["model"] for record in records}) > 1
    shown = [field for field in _COLUMNS if several or field[0].name != "model"]
    return tabulate("", shown, records)


def draw_sheet(explained: Sequence[ExplainedFile], count: int) -> plots.Figure:
    """Draws pictures and their heat maps in rows, with captions.

    Args:
        explained: At least one picture, all with the same number of panels.
        count: Number of all pictures; the title says so if there are more.
    """
    drawn = len(explained)
    title = f"the first {drawn} of {count} pictures" if count > drawn else ""
    # With a single model its name would only repeat in every caption.
    several = len({panel.model for panel in explained[0].panels}) > 1
    return plots.draw_heat_rows(
        [
            (
                one.image,
                _short_path(one.path),
                [
                    (panel.heat, _caption(panel, several))
                    for panel in one.panels
                ],
            )
            for one in explained
        ],
        title,
    )


def _caption(panel: Panel, several: bool) -> str:
    title = METHODS[panel.method].title
    said = f"{panel.class_name} {panel.probability:.0%}"
    return f"{panel.model}\n{title}: {said}" if several else f"{title}\n{said}"


def _short_path(path: Path) -> str:
    """Returns a file's name with that of its folder, which is often a class."""
    return str(Path(path.parent.name, path.name))
