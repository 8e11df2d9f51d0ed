"""Why a template could not be rendered, in words: its line, and what to do."""

from __future__ import annotations

import re

import jinja2

from tradewind.sdk.authoring.context import MISSING_KEYS

_UNDEFINED = re.compile(r"'(\w+)' is undefined\Z")
_TEXT = "<template>", "<unknown>"


def explain(error: Exception, environment: jinja2.Environment | None) -> str:
    """The end of a sentence that begins with the name of the field.

    Args:
        error: what the template raised.
        environment: the environment that rendered it.
    """
    where = _line(error)
    if isinstance(error, jinja2.TemplateNotFound):
        folders = getattr(getattr(environment, "loader", None), "searchpath", [])
        return (
            f"{where}: there is no template file {error.name!r} in {' or '.join(map(str, folders))}. Text that "
            "ends like a template file is the name of one; to pass it on as it is, add a space at its end."
        )
    if isinstance(error, jinja2.TemplateSyntaxError):
        return f"{where}. To pass text with such braces on as it is, use literal(...), or {{% raw %}} around it."
    if isinstance(error, jinja2.UndefinedError) and (match := _UNDEFINED.search(str(error))):
        name = match.group(1)
        reason = MISSING_KEYS.get(name, "neither the context nor user_defined_macros has this name")
        return f"{where}: {name}: {reason}."
    return f"{where}."


def _line(error: Exception) -> str:
    if isinstance(error, jinja2.TemplateSyntaxError):
        return _place(error.filename, error.lineno)
    trace, found = error.__traceback__, ""
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename in _TEXT or "__jinja_exception__" in trace.tb_frame.f_globals:
            found = _place(code.co_filename, trace.tb_lineno)
        trace = trace.tb_next
    return found


def _place(file: str | None, line: int) -> str:
    return f", line {line} of the template" if file is None or file in _TEXT else f", line {line} of {file}"
