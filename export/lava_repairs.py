"""What is broken in Lava on today's Python, or slow: a repair per module, applied at its import."""

import dataclasses
import functools
import importlib.util
import multiprocessing
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import MappingProxyType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from hetlava.errors import MissingPackageError, UnsupportedError


class Repair:
    """One module's repair: nothing, unless a subclass says more."""

    def during(self) -> Any:
        """Return the context in which the module is executed."""
        return nullcontext()

    def after(self, module: ModuleType) -> None:
        """Mend the module once it is executed; may be called again."""

    def failed(self, module: ModuleType, error: Exception) -> None:
        """Answer an import that failed: raise, or make the module usable."""
        raise error


class _HashableEncoder(Repair):
    """Python 3.11 refuses unhashable defaults, and ``ByteEncoder`` is one in three dataclasses."""

    @contextmanager
    def during(self) -> Iterator[None]:
        original: Callable[..., Any] = dataclasses.dataclass

        def dataclass(cls: Any = None, /, **options: Any) -> Any:
            if getattr(cls, "__name__", "") == "ByteEncoder":
                options["unsafe_hash"] = True
            return original(cls, **options)

        with _replaced(dataclasses, "dataclass", dataclass):
            yield


class _PositionalReshape(Repair):
    """NumPy 2.4 dropped the name ``newshape``, which ``ReshapePort`` uses."""

    def after(self, module: ModuleType) -> None:
        def forward(port: Any) -> Any:
            return functools.partial(_reshape, shape=port.shape)

        def backward(port: Any) -> Any:
            return functools.partial(_reshape, shape=port.old_shape)

        port = getattr(module, "ReshapePort", None)
        if port is not None:
            port.get_transform_func_fwd = forward
            port.get_transform_func_bwd = backward


class _TolerantInt(Repair):
    """NumPy 2.4 refuses ``int`` of an array of one element, which netx reads from its files."""

    def after(self, module: ModuleType) -> None:
        vars(module)["int"] = _int_of_one


class _StartMethodKept(Repair):
    """Lava sets the start method at import, which fails where it is set already."""

    @contextmanager
    def during(self) -> Iterator[None]:
        method = multiprocessing.get_start_method(allow_none=True)
        if method not in (None, "fork"):
            raise UnsupportedError(
                f"multiprocessing starts processes by {method!r}, Lava needs 'fork'; import Lava "
                "before the start method is set, or set it to 'fork'"
            )
        original = multiprocessing.set_start_method
        kept = functools.partial(original, force=True) if method else original
        with _replaced(multiprocessing, "set_start_method", kept):
            yield


class _WithoutObjectDetection(Repair):
    """slayer imports its object detection, which needs cv2 and a torchvision that fits torch.

    Where both work they are used; where not, a stand-in says so when it is touched.
    """

    @contextmanager
    def during(self) -> Iterator[None]:
        for package in ("cv2", "torchvision"):
            if package not in sys.modules and importlib.util.find_spec(package) is None:
                raise ModuleNotFoundError(f"No module named {package!r}", name=package)
        yield

    def failed(self, module: ModuleType, error: Exception) -> None:
        for name in [n for n in sys.modules if n.startswith(f"{module.__name__}.")]:
            del sys.modules[name]

        def missing(attribute: str) -> Any:
            # what looks for __all__, __wrapped__ and the like is not a user
            if attribute.startswith("__"):
                raise AttributeError(attribute)
            raise MissingPackageError(
                f"{module.__name__}.{attribute} needs opencv-python-headless and a torchvision "
                f"that fits torch: {type(error).__name__}: {error}"
            )

        vars(module)["__getattr__"] = missing


class _FilesReadOnce(Repair):
    """The compiler executes every file beside a process's, for each process anew: some hundreds."""

    def after(self, module: ModuleType) -> None:
        vars(module)["import_utils"] = SimpleNamespace(
            spec_from_file_location=functools.partial(_spec_of, {}),
            module_from_spec=importlib.util.module_from_spec,
        )


class _Kept(Repair):
    """Keeps a module for those who would execute its file again."""

    def __init__(self, files: dict[str, ModuleType], path: str) -> None:
        self._files, self._path = files, path

    def after(self, module: ModuleType) -> None:
        self._files[self._path] = module


class Finder(MetaPathFinder):
    """Finds the modules to mend as everyone else does, and wraps their loaders."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the module's spec with a mending loader; None for every other module."""
        if name not in REPAIRS:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = _MendingLoader(spec.loader, REPAIRS[name])
                return spec
        return None


class _MendingLoader(Loader):
    def __init__(self, loader: Any, repair: Repair) -> None:
        self._loader, self._repair = loader, repair

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        made: ModuleType | None = self._loader.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        try:
            with self._repair.during():
                self._loader.exec_module(module)
        except Exception as error:
            self._repair.failed(module, error)
        self._repair.after(module)


class _ExecutedLoader(Loader):
    """Gives a module whose file has been executed."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        pass


def _spec_of(files: dict[str, ModuleType], name: str, path: str) -> ModuleSpec | None:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is not None and path in files:
        spec.loader = _ExecutedLoader(files[path])
    elif spec is not None:
        spec.loader = _MendingLoader(spec.loader, _Kept(files, path))
    return spec


def _int_of_one(value: Any = 0, *base: Any) -> int:
    return int(value.item() if isinstance(value, np.ndarray) else value, *base)


def _reshape(array: Any, shape: tuple[int, ...]) -> Any:
    return np.reshape(array, shape)


@contextmanager
def _replaced(module: ModuleType, name: str, value: Any) -> Iterator[None]:
    original = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, original)


REPAIRS: Mapping[str, Repair] = MappingProxyType(
    {
        "lava.magma.compiler.compiler_graphs": _FilesReadOnce(),
        "lava.magma.compiler.var_model": _HashableEncoder(),
        "lava.magma.core.process.ports.ports": _PositionalReshape(),
        "lava.magma.runtime.message_infrastructure.multiprocessing": _StartMethodKept(),
        "lava.lib.dl.netx.hdf5": _TolerantInt(),
        "lava.lib.dl.slayer.object_detection": _WithoutObjectDetection(),
    }
)
