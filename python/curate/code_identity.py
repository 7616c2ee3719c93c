"""What code of a recipe's own is, as JSON values: its bytecode and everything that it reads.

Own is what neither Python, nor an installed package, nor curate brings; those are named, with their version. The
same code has the same form in every process of one Python version; lines, comments and places of files do not count.
"""

import dataclasses
import dis
import enum
import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import re
import sys
import types
from pathlib import Path, PurePath
from typing import Any

from curate.errors import PlanError

#: The key of an identity under which stands what its code reads and no fingerprint can hold.
NOT_COVERED = "not_covered"

_PURE = "curate"
#: Packages whose objects say all about themselves when they are pickled.
_TELLING = {"numpy", "pyarrow", _PURE}
#: Members of a class that say nothing about what it does, or say it in an order that is not fixed.
_SILENT = {
    "__abstractmethods__",
    "__annotate__",
    "__annotate_func__",
    "__annotations__",
    "__annotations_cache__",
    "__dataclass_fields__",
    "__dataclass_params__",
    "__dict__",
    "__doc__",
    "__firstlineno__",
    "__module__",
    "__slotnames__",
    "__static_attributes__",
    "__weakref__",
    "_abc_impl",
}
_LOADS = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}
_ASSIGNS = {"STORE_GLOBAL", "DELETE_GLOBAL"}
#: A string of at most this many characters stands in an identity as it is, so that a change can be told.
_SHORT_CHARS = 80


def is_own(thing: types.FunctionType | type) -> bool:
    """Whether a function or class is defined by the recipe or by modules of its author."""
    if isinstance(thing, type):
        return _is_own_module(thing.__module__)
    return _is_own_module(thing.__globals__.get("__name__", "__main__"))


def code_of(thing: types.FunctionType | type) -> dict[str, Any]:
    """The code of an own function or class as JSON values; {} for one that is not own.

    `bytecode` is that of a function and `reads` the values that it uses, by name; `members` are those of a class and
    of its own bases. Plain values stand there as they are, all others as digests. `not_covered` names objects of
    which only the type counts.

    Raises:
        PlanError: what is read is nested too deeply to be followed.
    """
    if not is_own(thing):
        return {}
    reading = _Reading()
    try:
        found = reading.class_members(thing) if isinstance(thing, type) else reading.function_parts(thing)
    except RecursionError as error:
        raise PlanError(
            f"what `{thing.__qualname__}` reads is nested too deeply to be fingerprinted",
            hint="let it read plain values: numbers, strings, tuples, sets and dicts",
        ) from error
    return {**found, **({NOT_COVERED: sorted(reading.not_covered)} if reading.not_covered else {})}


class _Reading:
    """The forms of all that one function or class reads."""

    def __init__(self) -> None:
        self.not_covered: set[str] = set()
        self._begin(None)

    def _begin(self, root: object) -> None:
        """Begins a value of its own, so that no other one's change shows in it."""
        # The objects themselves stay here: an id belongs to one only as long as it lives.
        self._met: dict[int, tuple[int, object]] = {id(root): (0, root)}
        self._around: list[int] = []

    def function_parts(self, function: types.FunctionType) -> dict[str, Any]:
        self._begin(function)
        bytecode = _sha256([self._code(function.__code__), self._defaults(function)])
        reads = {}
        for name, value in _values_read(function):
            self._begin(function)
            reads[name] = _brief(self._read(value, name, function.__code__))
        return {"bytecode": bytecode, "reads": reads}

    def class_members(self, cls: type) -> dict[str, Any]:
        members = {}
        for base in cls.__mro__:
            prefix = "" if base is cls else f"{base.__qualname__}."
            if not is_own(base):
                if base is not object and not _is_pure(base):
                    members[base.__qualname__] = _brief(_named(base))
                continue
            for name, value in _members(base):
                self._begin(cls)
                members[prefix + name] = _brief(self.form(value, f"{cls.__qualname__}.{name}"))
        return {"members": members}

    def form(self, value: Any, name: str) -> Any:
        if value is None or type(value) in {bool, int, float, str}:
            return value
        if isinstance(value, types.FunctionType | type):
            return self._definition(value)
        if id(value) in self._met:
            return {"again": self._met[id(value)][0]}
        if id(value) in self._around:
            return {"around": self._around.index(id(value))}
        self._around.append(id(value))
        try:
            return self._form_of_object(value, name)
        finally:
            self._around.pop()

    def _form_of_object(self, value: Any, name: str) -> Any:
        kind = type(value)
        if kind in {bytes, bytearray}:
            return {"bytes": hashlib.sha256(value).hexdigest()}
        if kind in {list, tuple}:
            return {kind.__name__: [self.form(item, name) for item in value]}
        if kind in {set, frozenset}:
            return {"set": [self.form(item, name) for item in sorted(value, key=_rank)]}
        if kind is dict:
            pairs = [[self.form(key, name), self.form(value[key], name)] for key in sorted(value, key=_rank)]
            return {"dict": pairs}
        if isinstance(value, types.CodeType):
            return self._code(value)
        if isinstance(value, re.Pattern):
            return {"pattern": self.form(value.pattern, name), "flags": value.flags}
        if isinstance(value, PurePath):
            return {"path": str(value)}
        if isinstance(value, enum.Enum):
            return {"member": value.name, "of": self.form(kind, name)}
        if isinstance(value, types.ModuleType):
            return {"module": value.__name__, "version": _version(value.__name__)}
        if isinstance(value, types.MethodType):
            return {"method": self.form(value.__func__, name), "of": self.form(value.__self__, name)}
        if isinstance(value, staticmethod | classmethod):
            return {kind.__name__: self.form(value.__func__, name)}
        if isinstance(value, property):
            return {"property": [self.form(part, name) for part in (value.fget, value.fset, value.fdel)]}
        if isinstance(value, functools.cached_property):
            return {"property": [self.form(value.func, name)]}
        if hasattr(value, "__wrapped__"):
            return {"wrapper": _named(kind), "wraps": self.form(value.__wrapped__, name)}
        return self._form_of_instance(value, name)

    def _form_of_instance(self, value: Any, name: str) -> Any:
        kind = type(value)
        if _is_own_module(kind.__module__):
            self._met[id(value)] = len(self._met), value
        if dataclasses.is_dataclass(value):
            fields = {f.name: getattr(value, f.name, None) for f in dataclasses.fields(value)}
            return self._instance(kind, fields, name)
        owner = getattr(value, "__self__", None)
        if callable(value) and hasattr(value, "__qualname__"):  # of C: a function, or a method of something
            bound = owner is not None and not isinstance(owner, types.ModuleType)
            return {**_named(value), **({"of": self.form(owner, name)} if bound else {})}
        if _is_telling(kind):
            try:
                made: Any = value.__reduce_ex__(4)
            except Exception:  # foreign code, which refuses in its own ways
                made = None
            if isinstance(made, str):
                return {"named": made}
            if made is not None:
                how, what, state, items, pairs = (*made, None, None, None)[:5]
                more = [list(items or ()), dict(pairs or ())]
                parts = [self.form(part, name) for part in (how, what, more)]
                return self._instance(kind, state, name, *parts)
        self.not_covered.add(f"{name} ({kind.__module__}.{kind.__qualname__})")
        return {"object": _named(kind)}

    def _instance(self, kind: type, state: Any, name: str, *made: Any) -> Any:
        if isinstance(state, dict) and all(isinstance(key, str) for key in state):
            told = {key: self.form(state[key], f"{name}.{key}") for key in sorted(state)}
        else:
            told = self.form(state, name)
        return {"object": self._definition(kind), "state": told, "made": list(made)}

    def _definition(self, thing: types.FunctionType | type) -> Any:
        if id(thing) in self._met:
            return {"again": self._met[id(thing)][0]}
        if not is_own(thing):
            wrapped = getattr(thing, "__wrapped__", None)
            return {**_named(thing), **({"wraps": self.form(wrapped, "")} if wrapped is not None else {})}
        self._met[id(thing)] = len(self._met), thing
        if isinstance(thing, type):
            members = {
                name: self.form(value, f"{thing.__qualname__}.{name}") for name, value in _members(thing)
            }
            bases = [self._definition(base) for base in thing.__bases__]
            return {"class": thing.__qualname__, "bases": bases, "members": members}
        code = thing.__code__
        reads = {name: self._read(value, name, code) for name, value in _values_read(thing)}
        return {"function": self._code(code), "defaults": self._defaults(thing), "reads": reads}

    def _defaults(self, function: types.FunctionType) -> Any:
        return self.form((function.__defaults__, function.__kwdefaults__), function.__qualname__)

    def _read(self, value: Any, name: str, code: types.CodeType) -> Any:
        """The form of what a code reads: of an own module, only what the code may take from it."""
        if not (isinstance(value, types.ModuleType) and _is_own_module(value.__name__)):
            return self.form(value, name)
        if id(value) in self._around:
            return {"around": self._around.index(id(value))}
        self._around.append(id(value))
        taken = sorted(
            {attribute for part in _codes(code) for attribute in part.co_names} & vars(value).keys()
        )
        found = {part: self._read(vars(value)[part], f"{name}.{part}", code) for part in taken}
        self._around.pop()
        return {"module": value.__name__, "takes": found}

    def _code(self, code: types.CodeType) -> Any:
        return {
            "name": code.co_name,
            "instructions": code.co_code.hex(),
            "handlers": code.co_exceptiontable.hex(),
            "constants": [self.form(value, code.co_name) for value in code.co_consts],
            "names": [code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars],
            "arguments": [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags],
        }


def _rank(value: Any) -> tuple[str, str]:
    """An order that no hash decides."""
    kind = type(value).__qualname__
    if isinstance(value, types.FunctionType | type):
        return kind, f"{value.__module__}.{value.__qualname__}"
    # What is met on the way counts nowhere else.
    return kind, value if isinstance(value, str) else _canonical(_Reading().form(value, ""))


def _values_read(function: types.FunctionType) -> list[tuple[str, Any]]:
    """Globals and variables of the surrounding functions, with their values, and modules imported in the function.

    What the function itself assigns, as one does with what is loaded at the first call, is no constant.
    """
    loaded, assigned, imported = set(), set(), set()
    for code in _codes(function.__code__):
        for instruction in dis.get_instructions(code):
            if instruction.opname in _LOADS:
                loaded.add(instruction.argval)
            elif instruction.opname in _ASSIGNS:
                assigned.add(instruction.argval)
            elif instruction.opname == "IMPORT_NAME":
                imported.add(instruction.argval)
    found = {}
    for name in loaded - assigned:
        if name in function.__globals__ and not (name.startswith("__") and name.endswith("__")):
            found[name] = function.__globals__[name]
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # assigned after the function was made, perhaps never
            found[name] = None
    sources = {f"import {name}": source for name in imported if (source := _own_source(name)) is not None}
    return sorted({**found, **sources}.items())


def _codes(code: types.CodeType) -> list[types.CodeType]:
    """A code and all that are nested in it."""
    nested = [
        inner for value in code.co_consts if isinstance(value, types.CodeType) for inner in _codes(value)
    ]
    return [code, *nested]


def _own_source(module: str) -> bytes | None:
    """The text of an own module, found without importing it; None for any other."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    if (
        spec is None
        or not spec.has_location
        or spec.origin is None
        or not _is_own_module(module, spec.origin)
    ):
        return None
    return Path(spec.origin).read_bytes()


def _members(cls: type) -> list[tuple[str, Any]]:
    return sorted((name, value) for name, value in vars(cls).items() if name not in _SILENT)


def _is_own_module(name: str, file: str | None = None) -> bool:
    root = name.partition(".")[0]
    if root in {_PURE, "builtins"} or root in sys.stdlib_module_names:
        return False
    if file is None:
        module = sys.modules.get(root)
        if module is None or root in {"__main__", "__mp_main__"}:
            return True
        file = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), None)
    return file is None or not _is_installed(file)  # without one: made as the program ran


@functools.cache
def _is_installed(file: str) -> bool:
    """Whether a file lies where installers put packages, of whatever name that folder is."""
    folders = Path(file).resolve().parents
    if any(folder.name in {"site-packages", "dist-packages"} for folder in folders):
        return True
    return any(next(folder.glob("*.dist-info"), None) is not None for folder in folders[:3])


def _is_telling(kind: type) -> bool:
    root = kind.__module__.partition(".")[0]
    return root in _TELLING or root == "builtins" or root in sys.stdlib_module_names or _is_own_module(root)


def _is_pure(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == _PURE


def _named(thing: Any) -> dict[str, Any]:
    module = getattr(thing, "__module__", None) or ""
    name = f"{module}.{thing.__qualname__}".lstrip(".")
    version = _version(module)
    return {"named": name, **({"version": version} if version else {})}


@functools.cache
def _version(module: str) -> str | None:
    """Version of the package of a module; None where nobody says it. Python's and curate's count elsewhere."""
    root = module.partition(".")[0]
    if not root or root in {_PURE, "builtins", "__main__"} or root in sys.stdlib_module_names:
        return None
    try:
        return importlib.metadata.version(root)
    except importlib.metadata.PackageNotFoundError:
        version = getattr(sys.modules.get(root), "__version__", None)
        return version if isinstance(version, str) else None


def _brief(form: Any) -> Any:
    if form is None or isinstance(form, bool | int | float):
        return form
    if isinstance(form, str) and len(form) <= _SHORT_CHARS:
        return form
    return _sha256(form)


def _canonical(form: Any) -> str:
    return json.dumps(form, sort_keys=True, separators=(",", ":"))


def _sha256(form: Any) -> str:
    return hashlib.sha256(_canonical(form).encode()).hexdigest()
