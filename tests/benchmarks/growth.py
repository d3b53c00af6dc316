"""Authorities of one character and ever more areas and children."""

from __future__ import annotations

from dataclasses import replace

from sufficiency.examples.authorities import Size


def grown(size: Size, factor: float) -> Size:
    """The example with areas, children and places of schemes times a factor; schools and schemes
    stay as many as they are, and are larger."""
    if factor == 1.0:
        return size

    def times(number: float, least: int = 1) -> int:
        return max(least, round(number * factor))

    return replace(
        size,
        name=f"{size.name}-{factor:g}",
        folder=f"{size.folder}-{factor:g}",
        plans=times(size.plans),
        rural_areas=times(size.rural_areas),
        towns=tuple(replace(town, areas=times(town.areas)) for town in size.towns),
        schools=tuple(replace(school, size=times(school.size)) for school in size.schools),
        schemes=tuple(replace(scheme, places=times(scheme.places, 4)) for scheme in size.schemes),
    )
