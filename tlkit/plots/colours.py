"""Colours that colour-blind readers can tell apart too."""

from __future__ import annotations

#: Blue for training and vermilion for validation, in every picture.
TRAINING, VALIDATION = "#0072B2", "#D55E00"
#: Colours for up to four curves, from the palette of Okabe and Ito.
WAYS = ("#000000", "#56B4E9", "#E69F00", "#009E73")
#: For more curves: the whole palette but its yellow.
MANY = (*WAYS, "#0072B2", "#D55E00", "#CC79A7")
