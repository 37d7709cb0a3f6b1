"""The size of drawn images."""

from __future__ import annotations

IMAGE_SIZE = 128
"""Height and width in pixels where nothing else is said."""
