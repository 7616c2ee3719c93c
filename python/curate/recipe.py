"""Recipe files: Python files that define `pipeline(**parameters)`, set from the command line by `key=value`."""

import importlib.util
import inspect
import sys
import types
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from curate.errors import CurateError
from curate.pipeline import Pipeline

_HINT = "a recipe defines `def pipeline(input=..., output=..., ...) -> curate.Pipeline`"


def load_recipe(path: str) -> types.ModuleType:
    """Imports the file under a name that depends on its path alone, so that workers find its functions.

    Modules beside it can be imported, as from a script that is started.

    Raises:
        FileNotFoundError: no such file.
        CurateError: the file cannot be imported or defines no `pipeline`.
    """
    file = Path(path).resolve()
    if not file.is_file():
        raise FileNotFoundError(f"no recipe file `{path}`")
    if str(file.parent) not in sys.path:
        sys.path.insert(0, str(file.parent))
    name = f"curate_recipe_{file.stem}"
    loaded = sys.modules.get(name)
    if loaded is not None and loaded.__file__ == str(file):
        return loaded
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise CurateError(f"`{path}` is not a Python file", hint=_HINT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except CurateError:
        del sys.modules[name]
        raise
    except Exception as error:
        del sys.modules[name]
        raise CurateError(f"`{path}` cannot be imported: {error!r}", hint=_HINT) from error
    return module


def build_pipeline(path: str, words: Sequence[str]) -> Pipeline:
    """The pipeline of a recipe with `key=value` words as its parameters.

    Raises:
        CurateError: an unknown key, a value of the wrong type, or a file without `pipeline`.
        FileNotFoundError: no such file.
    """
    function = getattr(load_recipe(path), "pipeline", None)
    if not callable(function):
        raise CurateError(f"`{path}` defines no function `pipeline`", hint=_HINT)
    values = parse_parameters(function, words)
    try:
        inspect.signature(function).bind(**values)
    except TypeError as error:
        known = ", ".join(inspect.signature(function).parameters)
        raise CurateError(f"`{path}`: {error}", hint=f"write key=value; parameters: {known}") from error
    pipeline = function(**values)
    if not isinstance(pipeline, Pipeline):
        raise CurateError(f"`pipeline` in `{path}` returned {type(pipeline).__name__}", hint=_HINT)
    return pipeline


def parse_parameters(function: Callable[..., Any], words: Sequence[str]) -> dict[str, Any]:
    """Keyword arguments for `function` from words such as ``min_score=0.5``; types come from its annotations.

    Raises:
        CurateError: a word without `=`, an unknown or repeated key, or a value that does not fit.
    """
    annotations = typing.get_type_hints(function)
    known = list(inspect.signature(function).parameters)
    values: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise CurateError(f"`{word}` is not `key=value`", hint=f"parameters: {', '.join(known)}")
        if key not in known:
            raise CurateError(f"unknown parameter `{key}`", hint=f"parameters: {', '.join(known)}")
        if key in values:
            raise CurateError(f"parameter `{key}` is given twice", hint="give it once")
        values[key] = _convert(key, value, annotations.get(key, str))
    return values


def _convert(key: str, value: str, annotation: Any) -> Any:
    options = (
        typing.get_args(annotation)
        if typing.get_origin(annotation) in {types.UnionType, typing.Union}
        else ()
    )
    if type(None) in options:
        if value in {"", "none", "None"}:
            return None
        annotation = next(option for option in options if option is not type(None))
    if annotation is bool:
        if value.lower() in {"true", "yes", "1"}:
            return True
        if value.lower() in {"false", "no", "0"}:
            return False
        raise CurateError(f"`{key}` is true or false, not `{value}`", hint=f"write {key}=true or {key}=false")
    if annotation in {int, float}:
        try:
            return annotation(value.replace("_", ""))
        except ValueError:
            kind = "a whole number" if annotation is int else "a number"
            raise CurateError(f"`{key}` is {kind}, not `{value}`", hint=f"write {key}=1, say") from None
    return value
