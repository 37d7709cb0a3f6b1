"""Colours that colour-blind readers can tell apart."""

from __future__ import annotations

#: Training and validation, told apart by colour-blind readers too.
TRAINING, VALIDATION = "#0072B2", "#D55E00"
#: Okabe and Ito's colours, for up to four curves.
WAYS = ("#000000", "#56B4E9", "#E69F00", "#009E73")
MANY = (*WAYS, "#0072B2", "#D55E00", "#CC79A7")
