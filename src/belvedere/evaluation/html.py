"""Reports as one HTML file that needs nothing else: no scripts, no fonts, no requests."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from belvedere._version import __version__
from belvedere.evaluation import wording

if TYPE_CHECKING:
    from markupsafe import Markup


@dataclass(frozen=True)
class Card:
    """One key figure: its name, value, plausible range, and what it means; ``bar`` is SVG."""

    name: str
    value: str
    range: str
    meaning: str
    bar: str


def render(template: str, **values: Any) -> str:
    """Fill a template; every text is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("belvedere.evaluation", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=wording.percent, decimal=wording.decimal, data_uri=_data_uri)
    environment.filters.update(percent_range=wording.percent_range, decimal_range=wording.decimal_range)
    return environment.get_template(template).render(version=__version__, **values)


def drawn(part: str | None) -> Markup | None:
    """A drawing as it is: only what ``svg.py`` made, which escapes every text itself."""
    from markupsafe import Markup

    return None if part is None else Markup(part)  # noqa: S704


def _data_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
