"""What can go wrong before and during a solve, said so that the reader can mend it."""

import inspect
import math
import warnings
from collections.abc import Mapping
from numbers import Real

import torch

from course_lib.solvers.methods import METHODS, Method

__all__ = ["SECTIONS", "SolverError", "see"]

DTYPES = (
    torch.float32,
    torch.float64,
    torch.complex64,
    torch.complex128,
    torch.float16,
    torch.bfloat16,
)

SECTIONS = (
    "underflow",
    "one step",
    "straight lines",
    "another gradient",
    "no way back",
    "evaluations",
    "noise",
    "beyond the end",
    "hard sample",
    "digits",
    "memory",
    "time gradients",
    "arguments",
    "unseen",
    "guide",
)
"""What goes wrong in the sections of notebook 21, in their order."""


def see(*names: str) -> str:
    """Where notebook 21 breaks and mends what went wrong; stands at the end of every message.

    >>> see("underflow"), see("evaluations", "digits")
    ('(notebook 21, §1)', '(notebook 21, §6 and §10)')
    """
    *first, last = (f"§{SECTIONS.index(name) + 1}" for name in names)
    return f"(notebook 21, {', '.join(first)}{' and ' if first else ''}{last})"


class SolverError(RuntimeError):
    """A solve that had to stop. The message names the cause, the time and a remedy.

    Attributes:
        t: the last time at which the state was good.
        times: 1-D float64 tensor [m], the output times before t, then t.
        solution: tensor [m, *y0.shape], the states at `times` (a tuple of such for a tuple state).

    >>> from course_lib.solvers import odeint
    >>> try:  # y = 1 / (1 - t) blows up at t = 1
    ...     odeint(lambda t, y: y**2, torch.ones(1), torch.tensor([0.0, 0.5, 2.0]), rtol=1e-5)
    ... except SolverError as error:
    ...     print(round(error.t, 3), error.solution.shape)
    1.0 torch.Size([3, 1])
    """

    def __init__(self, message: str, t: float, y: torch.Tensor):
        super().__init__(message)
        self.t = t
        self.times = torch.tensor([t], dtype=torch.float64)
        self.solution = y  # `odeint` puts the solution before it, as one tensor


_COMMON_OPTIONS = {"step_size": None, "max_num_steps": 100_000}
_ADAPTIVE_OPTIONS = {"first_step": None, "safety": 0.9, "min_factor": 0.2, "max_factor": 10.0}


def check_method(name: str | None) -> Method:
    """The method of that name; None means dopri5, as it does in torchdiffeq."""
    name = "dopri5" if name is None else name
    if not isinstance(name, str) or name not in METHODS:
        raise ValueError(
            f"method {name!r} is not known: choose one of {sorted(METHODS)}. {see('guide')}"
        )
    return METHODS[name]


def dict_of(options) -> dict:
    """A copy of options; empty if they are None."""
    if not isinstance(options, Mapping | None):
        raise TypeError(
            f"options must be a dictionary such as {{'step_size': 0.1}}, got {options!r}. "
            + see("arguments")
        )
    return dict(options or {})


def check_options(method: Method, options: dict | None) -> dict:
    """The options with their defaults filled in; unknown names and useless values are refused."""
    options = dict_of(options)
    allowed = dict(_COMMON_OPTIONS)
    if method.adaptive:
        allowed |= _ADAPTIVE_OPTIONS
    unknown = sorted(map(repr, set(options) - set(allowed)))
    if unknown:
        raise ValueError(
            f"unknown option {', '.join(unknown)} for method {method.name!r}: "
            f"it knows {sorted(allowed)}. {see('arguments')}"
        )
    idle = sorted(set(options) & set(_ADAPTIVE_OPTIONS))
    if idle and options.get("step_size") is not None:
        raise ValueError(
            f"option 'step_size' fixes the steps, so {idle} would do nothing: leave out one. "
            + see("arguments")
        )
    for name, value in options.items():
        if value is None:
            continue
        number = _number(value)
        if number is None or not 0 < number < math.inf:
            raise ValueError(
                f"option {name!r} must be a positive number, got {value!r}. {see('arguments')}"
            )
        options[name] = number
    merged = allowed | options
    if method.adaptive and not merged["min_factor"] < 1 < merged["max_factor"]:
        raise ValueError(
            "options need min_factor < 1 < max_factor: the step must shrink and grow. "
            + see("arguments")
        )
    if method.adaptive and merged["safety"] > 1:
        raise ValueError(
            "option 'safety' must not exceed 1: it is there to make steps smaller. "
            + see("arguments")
        )
    return merged


def _number(value) -> float | None:
    """One real number, perhaps a tensor without dimensions, as a float; None if it is not one."""
    if torch.is_tensor(value):
        return None if value.dim() or value.is_complex() or value.is_meta else float(value.item())
    try:
        return float(value) if isinstance(value, Real) else None
    except OverflowError:  # an integer beyond all floats
        return math.inf


def check_tolerances(rtol: float, atol: float) -> tuple[float, float]:
    """Both as floats."""
    numbers = _number(rtol), _number(atol)
    for name, value, number in zip(("rtol", "atol"), (rtol, atol), numbers, strict=True):
        if number is None:
            raise TypeError(
                f"{name} must be one number for the whole state, got {value!r}. "
                + see("hard sample")
            )
        if not 0 <= number < math.inf:
            raise ValueError(f"{name} must be a number ≥ 0, got {value!r}. {see('digits')}")
    if numbers == (0, 0):
        raise ValueError(
            f"rtol and atol are both 0: no step could be accurate enough. {see('digits')}"
        )
    return numbers


def check_func(func) -> None:
    """Refuse what cannot be called as func(t, y), before it is."""
    if isinstance(func, type):
        raise TypeError(
            f"func is the class {func.__name__}, not an instance of it: did you forget the "
            f"parentheses? Pass {func.__name__}(...). {see('arguments')}"
        )
    if not callable(func):
        raise TypeError(
            f"func must be callable as func(t, y), got {type(func).__name__}. {see('arguments')}"
        )


def all_finite(y: torch.Tensor) -> bool:
    """Whether y has neither NaN nor Inf: by its norm, which is quicker, unless that overflows."""
    norm = float(torch.linalg.vector_norm(y.detach()))
    return math.isfinite(norm) or bool(torch.isfinite(y).all())


def _has_numbers(x: torch.Tensor) -> bool:
    """Whether all entries are there, one beside the other: neither sparse nor on "meta"."""
    return x.layout is torch.strided and not x.is_meta


def check_state(y0: torch.Tensor, name: str = "y0") -> None:
    """Refuse a state on which no solver could start."""
    if not isinstance(y0, torch.Tensor):
        raise TypeError(
            f"{name} must be a tensor or a tuple of tensors, got {type(y0).__name__}: "
            f"wrap it in torch.tensor(...). {see('arguments')}"
        )
    if not (y0.is_floating_point() or y0.is_complex()):
        raise TypeError(
            f"{name} has dtype {y0.dtype}, in which a derivative cannot be added: "
            f"use {name}.to(torch.float32) or write its numbers with a decimal point. "
            + see("arguments")
        )
    if y0.dtype not in DTYPES or not _has_numbers(y0):
        raise TypeError(
            f"{name} is {y0.dtype}, {y0.layout} on {y0.device}, and torch cannot calculate with it "
            f"as a solver must: use {name}.to(torch.float32), .to_dense() or a real device. "
            + see("arguments")
        )
    if not all_finite(y0):
        raise ValueError(
            f"{name} contains NaN or Inf: look at how it was made; nothing was solved. "
            + see("underflow")
        )


def check_precision(y0: torch.Tensor, rtol: float) -> None:
    """Refuse a tolerance below what a half can tell apart: steps would be lost in rounding."""
    eps = torch.finfo(y0.dtype).eps
    if y0.dtype in (torch.float16, torch.bfloat16) and rtol < eps:
        raise ValueError(
            f"rtol = {rtol:g} is below the precision of {y0.dtype}, {eps:.1e}: small steps "
            f"would be lost: use float32, or a larger rtol. {see('digits')}"
        )


def check_real(y0: torch.Tensor, name: str) -> None:
    """Refuse complex numbers, of which these gradients have no notion; `name` is who refuses."""
    if y0.is_complex():
        raise TypeError(
            f"{name} needs a real state: use torch.view_as_real(y0). {see('arguments')}"
        )


def check_linear_algebra(y0: torch.Tensor) -> None:
    """Refuse a state for which implicit Euler has no derivative or no linear solver."""
    if y0.dtype not in (torch.float32, torch.float64):
        raise TypeError(
            f"implicit_euler solves linear equations in real numbers, and y0 is {y0.dtype}: use "
            f"torch.view_as_real for complex numbers, float32 for halves. {see('arguments')}"
        )


def check_tuple(y0: tuple) -> None:
    """Refuse a tuple that is not one state: its parts must agree in dtype and device."""
    if not y0:
        raise ValueError(f"y0 is an empty tuple: there is nothing to solve for. {see('arguments')}")
    for i, part in enumerate(y0):
        check_state(part, f"y0[{i}]")
    for kind in ("dtype", "device"):
        found = {str(getattr(part, kind)) for part in y0}
        if len(found) > 1:
            raise TypeError(
                f"the parts of y0 differ in {kind}, {sorted(found)}: convert them with .to(). "
                + see("arguments")
            )


def check_parts(parts, shapes: list, t: float) -> None:
    """Refuse what func returned for a tuple state unless it is such a tuple."""
    want = [tuple(shape) for shape in shapes]
    where = f"func returned at t = {t:g}"
    if not isinstance(parts, tuple | list) or not all(torch.is_tensor(part) for part in parts):
        raise TypeError(
            f"{where} a {type(parts).__name__}, but y is a tuple: return a tuple of tensors of "
            f"shapes {want}. {see('arguments')}"
        )
    got = [tuple(part.shape) for part in parts]
    if got != want:
        raise ValueError(
            f"{where} shapes {got}, but the parts of y have shapes {want}. {see('arguments')}"
        )


def check_times(t: torch.Tensor, dtype: torch.dtype = torch.float64) -> list[float]:
    """The output times as Python floats, strictly increasing or strictly decreasing.

    `dtype` is that of the times which func will see, the state's; it must have room for them.
    """
    if not isinstance(t, torch.Tensor) or not t.is_floating_point() or not _has_numbers(t):
        kind = f"{t.dtype}, {t.layout}" if isinstance(t, torch.Tensor) else type(t).__name__
        raise TypeError(
            f"t must be a 1-D tensor of floating-point times, got {kind}: "
            f"use torch.tensor([0.0, 1.0]) or torch.linspace(0, 1, 11). {see('arguments')}"
        )
    if t.dim() != 1 or len(t) == 0:
        raise ValueError(
            f"t must be 1-D and hold at least one time, got shape {tuple(t.shape)}: "
            "the first entry is the time of y0, the others are where you want the solution. "
            + see("arguments")
        )
    times = t.tolist()
    for i, time in enumerate(times):
        if not math.isfinite(time):
            raise ValueError(f"t[{i}] is {time}: all times must be finite. {see('arguments')}")
    sign = 1 if times[-1] > times[0] else -1
    for i in range(1, len(times)):
        if (times[i] - times[i - 1]) * sign <= 0:
            raise ValueError(
                "t must be strictly increasing or strictly decreasing, "
                f"but t[{i - 1}] = {times[i - 1]:g} is followed by t[{i}] = {times[i]:g}: "
                f"sort it and drop repeated times (torch.unique does both). {see('arguments')}"
            )
    largest = max(map(abs, [times[0], times[-1], times[-1] - times[0]]))
    if largest > torch.finfo(dtype).max:
        raise ValueError(
            f"t runs from {times[0]:g} to {times[-1]:g}, which is more than {dtype} can hold: "
            f"use y0.double(), or measure time in a larger unit. {see('arguments')}"
        )
    return times


def check_number_of_steps(n: float, step_size: float, t0: float, t1: float, most: float) -> None:
    """Refuse fixed steps of which there would be more than max_num_steps."""
    if n > most:
        raise ValueError(
            f"step_size {step_size:g} needs {n} steps from t = {t0:g} to t = {t1:g}, more than "
            f"max_num_steps = {most:g}: take a larger step_size or raise max_num_steps. "
            + see("evaluations")
        )


def as_time(name: str, value) -> float:
    """One end of an interval as a float."""
    number = _number(value)
    if number is None:
        raise TypeError(f"{name} must be a number, got {value!r}. {see('arguments')}")
    return number


def check_time_slope(slope: torch.Tensor, t: float) -> None:
    """Refuse a slope at an output time from which the gradient of that time would be NaN."""
    if not all_finite(slope):
        raise ValueError(
            f"t requires a gradient, which is made from func at the output times, and at t = {t:g} "
            f"func is NaN or Inf: solve with t.detach(), or leave that time out. "
            + see("time gradients", "underflow")
        )


def check_pair(y0: torch.Tensor, shapes: list | None) -> None:
    """Refuse a state that leapfrog cannot split into positions and momenta of equal shape."""
    if shapes is not None:
        if len(shapes) != 2 or shapes[0] != shapes[1]:
            raise ValueError(
                "leapfrog needs y0 = (q, p) with q and p of equal shape, got a tuple of shapes "
                f"{[tuple(shape) for shape in shapes]}. {see('arguments')}"
            )
    elif y0.dim() == 0 or y0.shape[-1] % 2:
        raise ValueError(
            "leapfrog splits y0 into q and p, halves of its last axis, so that axis must be even; "
            f"got shape {tuple(y0.shape)}. Pass y0 = (q, p), or cat them on the last axis. "
            + see("arguments")
        )


def wrong_result(k, shape, dtype, device, t: float) -> Exception:
    """Why the result of func is of no use as dy/dt."""
    where = f"func returned at t = {t:g}"
    if not isinstance(k, torch.Tensor):
        return TypeError(
            f"{where} a {type(k).__name__}, not a tensor: it must return dy/dt, a tensor of shape "
            f"{tuple(shape)}. Is a return statement missing? {see('arguments')}"
        )
    if k.shape != shape:
        return ValueError(
            f"{where} shape {tuple(k.shape)}, but the state has shape {tuple(shape)}: "
            "dy/dt must have the shape of y, or it would be broadcast silently. " + see("arguments")
        )
    if k.layout is not torch.strided:
        return TypeError(
            f"{where} a tensor of layout {k.layout}, and states are dense: return k.to_dense(). "
            + see("arguments")
        )
    return TypeError(
        f"{where} {k.dtype} on {k.device}, but the state is {dtype} on {device}: "
        f"convert y0, or the module with .to(y0.dtype) or .to(y0.device). {see('arguments')}"
    )


def explain_call(error: TypeError, func) -> None:
    """Raise a TypeError that explains `error`, if its reason is that func cannot take (t, y)."""
    target = func.forward if isinstance(func, torch.nn.Module) else func
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):  # built-in callables have none
        return
    try:
        signature.bind(0.0, None)
    except TypeError:
        raise TypeError(
            f"func is called as func(t, y), time first, but yours takes {signature}: "
            f"add the argument, or wrap it: odeint(lambda t, y: func(y), ...). {see('arguments')}"
        ) from error


def changed_in_place(t: float) -> ValueError:
    """func wrote into its arguments, which the solver still needs."""
    return ValueError(
        f"func changed its argument t or y in place at t = {t:g}, and the solver goes on from it: "
        "work on a copy, y = y.clone(), or write y * 2 instead of y.mul_(2) or y *= 2. "
        + see("arguments")
    )


_warned: set[str] = set()


def warn_output_grid(method: Method) -> None:
    """Say, once for each method and process, that the output times are also the steps."""
    if method.name not in _warned:
        _warned.add(method.name)
        warnings.warn(
            f"method {method.name!r} takes one step between output times, because it has no step "
            "size: accuracy depends on t. Set it with options={'step_size': h}. "
            f"(Said once for each method.) {see('one step')}",
            stacklevel=4,  # the caller of odeint
        )
