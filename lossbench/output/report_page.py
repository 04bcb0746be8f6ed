"""The report as one file of HTML: the template, the style, the scripts and the data, and nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lossbench.errors import EnvironmentLacks

PAGE = Path(__file__).parent / "page"
LIBRARIES = ("d3.min.js", "plot.umd.min.js")
SCRIPTS = ("data.js", "tables.js", "plots.js", "overview.js", "loss.js", "app.js")  # later ones use earlier ones


def needed() -> Any:
    """Jinja2.

    Raises:
        EnvironmentLacks: it is not installed.
    """
    try:
        import jinja2
    except ImportError:
        raise EnvironmentLacks("report needs Jinja2, which is not installed: pip install 'lossbench[report]'") from None
    return jinja2


def render(data: Mapping[str, Any], title: str) -> str:
    """The page for what `lossbench.output.report_data.payload` has gathered.

    Raises:
        EnvironmentLacks: Jinja2 is not installed.
    """
    jinja2 = needed()
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGE), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "ensure_ascii": False, "allow_nan": False}
    libraries = [PAGE / "vendor" / name for name in LIBRARIES]
    scripts = [path.read_text(encoding="utf-8") for path in (*libraries, *(PAGE / name for name in SCRIPTS))]
    style = (PAGE / "style.css").read_text(encoding="utf-8")
    return str(environment.get_template("page.html.j2").render(title=title, data=data, style=style, scripts=scripts))
