"""Change a function's source a little: mutants, which mean something else, and one that does not.

A mutant has one thing changed: an operator, a sign, an index, a constant, a name, an axis, the
order of arguments, a statement left out. `rewritten` says the same as before in other words.

Why not mutmut or cosmic-ray: both change files and run a test suite for each mutant, and know
nothing of transposes, axes, arguments in the wrong order or a sum where a mean is meant, which are
the slips of this course.
"""

import ast
import contextlib
import copy
import inspect
import itertools
import textwrap
from collections.abc import Callable, Iterator

OPERATORS = {
    ast.Add: [ast.Sub], ast.Sub: [ast.Add], ast.Mult: [ast.Div, ast.Add], ast.Div: [ast.Mult],
    ast.Pow: [ast.Mult], ast.MatMult: [ast.Mult], ast.FloorDiv: [ast.Div], ast.Mod: [ast.Div],
    ast.And: [ast.Or], ast.Or: [ast.And], ast.Is: [ast.IsNot], ast.In: [ast.NotIn],
    ast.NotIn: [ast.In], ast.IsNot: [ast.Is], ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq],
    ast.Lt: [ast.LtE, ast.Gt], ast.LtE: [ast.Lt, ast.GtE], ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.LtE],
}  # fmt: skip
EXCHANGED = """
    sum mean; min max; minimum maximum; argmin argmax; sin cos; exp log; exp expm1; log log2;
    tanh sigmoid; zeros ones; zeros_like ones_like; new_zeros new_ones; any all; ceil floor; abs
    square; std var; stack cat; sqrt square; round floor; norm sum; trace sum; real imag
"""
RENAMED: dict[str, list[str]] = {}
for one, other in (pair.split() for pair in EXCHANGED.split(";")):
    RENAMED.setdefault(one, []).append(other)
    RENAMED.setdefault(other, []).append(one)


def altered(node: ast.AST, **fields) -> ast.AST:
    """A copy of a node with some fields changed."""
    node = copy.copy(node)
    for name, value in fields.items():
        setattr(node, name, value)
    return node


def shifted(node: ast.expr) -> Iterator[ast.expr]:
    """One more and one less."""
    for sign in (ast.Add(), ast.Sub()):
        yield ast.BinOp(node, sign, ast.Constant(1))


def exchanged(items: list) -> Iterator[list]:
    """The list with two neighbours exchanged, for every pair of neighbours."""
    for k in range(len(items) - 1):
        yield [*items[:k], items[k + 1], items[k], *items[k + 2 :]]


def without(items: list) -> Iterator[list]:
    """The list without one of its members, for every member."""
    for k in range(len(items)):
        yield items[:k] + items[k + 1 :]


def variants(node: ast.AST, names: set[str], called: set[int]) -> Iterator:
    """What may stand in a node's place: nodes, or lists of statements.

    Args:
        node: any node of the function's tree.
        names: the function's parameters and variables.
        called: ids of the nodes that are called, as `torch.exp` in `torch.exp(x)`.
    """
    minus = lambda value: ast.UnaryOp(ast.USub(), value)  # noqa: E731
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            yield from (altered(node, op=other()) for other in OPERATORS.get(type(op), ()))
            yield from (left, right, altered(node, left=minus(left)))
            if not isinstance(op, (ast.Add, ast.Mult)):
                yield altered(node, left=right, right=left)
            if isinstance(op, ast.Pow):
                yield altered(node, right=minus(right))
        case ast.UnaryOp(operand=operand):
            yield operand
        case ast.Compare(ops=[op]):
            yield from (altered(node, ops=[other()]) for other in OPERATORS.get(type(op), ()))
        case ast.BoolOp(op=op, values=values):
            yield from (altered(node, op=OPERATORS[type(op)][0]()), *values)
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield from map(ast.Constant, dict.fromkeys([value + 1, value - 1, 2 * value, 0]))
        case ast.Slice(lower=lower, upper=upper):
            for name, bound in (("lower", lower), ("upper", upper)):
                others = [ast.Constant(1), minus(ast.Constant(1))]
                others = [None, *shifted(bound)] if bound else others
                yield from (altered(node, **{name: other}) for other in others)
        case ast.Subscript(value=value, slice=index, ctx=ast.Load()):
            yield value
            if isinstance(index, (ast.Name, ast.BinOp, ast.UnaryOp)):
                yield from (altered(node, slice=other) for other in shifted(index))
        case ast.Tuple(elts=parts, ctx=ast.Load()) | ast.List(elts=parts, ctx=ast.Load()):
            yield from (altered(node, elts=other) for other in exchanged(parts))
            if isinstance(node, ast.List):
                yield from (altered(node, elts=other) for other in without(parts))
        case ast.Attribute(value=value, attr=name, ctx=ast.Load()):
            yield from (altered(node, attr=other) for other in RENAMED.get(name, ()))
            if id(node) not in called:
                yield value
        case ast.Name(id=name, ctx=ast.Load()):
            others = sorted(names - {name}) if name in names else RENAMED.get(name, ())
            yield from (ast.Name(other, ast.Load()) for other in others)
        case ast.Call(func=func, args=args, keywords=keywords):
            yield from args[:1]
            if isinstance(func, ast.Attribute):
                yield func.value
            yield from (altered(node, args=other) for other in (*exchanged(args), *without(args)))
            yield from (altered(node, keywords=other) for other in without(keywords))
            for k, keyword in enumerate(keywords):
                for other in RENAMED.get(keyword.arg, ()):
                    renamed = [*keywords[:k], altered(keyword, arg=other), *keywords[k + 1 :]]
                    yield altered(node, keywords=renamed)
            if isinstance(func, ast.Name) and func.id == "range":
                yield from (altered(node, args=[*args[:-1], end]) for end in shifted(args[-1]))
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield from (body, orelse, altered(node, body=orelse, orelse=body))
        case ast.If(test=test, body=body, orelse=orelse):
            yield from (
                body,
                orelse or ast.Pass(),
                altered(node, test=ast.UnaryOp(ast.Not(), test)),
            )
        case ast.With(body=body):
            yield body
        case ast.AugAssign(target=target, op=op, value=value):
            yield from (altered(node, op=other()) for other in OPERATORS.get(type(op), ()))
            yield ast.Assign([target], value)
        case ast.Return(value=ast.expr() as value) | ast.Assign(value=value):
            yield altered(node, value=minus(value))
    if isinstance(node, (ast.Assign, ast.AugAssign, ast.Expr, ast.For, ast.While)):
        yield ast.Pass()


class Put(ast.NodeTransformer):
    """Puts one node in the place of another."""

    def __init__(self, old: ast.AST, new):
        self.old, self.new = old, new

    def visit(self, node: ast.AST):
        return self.new if node is self.old else self.generic_visit(node)


class OtherWords(ast.NodeTransformer):
    """The same calculation, written otherwise: a + b as b + a, a − b as a + (−b), x² as x·x, …"""

    def visit_BinOp(self, node: ast.BinOp):
        self.generic_visit(node)
        match node:
            case ast.BinOp(op=ast.Add() | ast.Mult()):
                return altered(node, left=node.right, right=node.left)
            case ast.BinOp(op=ast.Sub()):
                return ast.BinOp(node.left, ast.Add(), ast.UnaryOp(ast.USub(), node.right))
            case ast.BinOp(op=ast.Div()):
                inverse = ast.BinOp(node.right, ast.Pow(), ast.Constant(-1.0))
                return ast.BinOp(node.left, ast.Mult(), inverse)
            case ast.BinOp(op=ast.Pow(), right=ast.Constant(2)):
                return ast.BinOp(node.left, ast.Mult(), copy.deepcopy(node.left))
            case ast.BinOp(op=ast.MatMult()):
                method = ast.Attribute(node.left, "matmul", ast.Load())
                return ast.Call(method, [node.right], [])
        return node

    def visit_IfExp(self, node: ast.IfExp):
        self.generic_visit(node)
        test = ast.UnaryOp(ast.Not(), node.test)
        return altered(node, test=test, body=node.orelse, orelse=node.body)

    def visit_Attribute(self, node: ast.Attribute):
        self.generic_visit(node)
        if node.attr != "T":
            return node
        return ast.Call(ast.Attribute(node.value, "t", ast.Load()), [], [])

    def visit_AugAssign(self, node: ast.AugAssign):
        self.generic_visit(node)
        value = altered(node.target, ctx=ast.Load())
        return ast.Assign([node.target], ast.BinOp(value, node.op, node.value))


def parsed(function: Callable) -> ast.Module:
    """A function's tree, without its docstring."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    if ast.get_docstring(tree.body[0]):
        del tree.body[0].body[0]
    return tree


def compiled(source: str, function: Callable) -> Callable:
    """What a changed source defines, among the names that the function itself sees."""
    scope = dict(vars(inspect.getmodule(function)))
    exec(compile(source, "<mutant>", "exec"), scope)
    return scope[function.__name__]


def rewritten(function: Callable) -> Callable:
    """A function that means the same, in other words."""
    tree = ast.fix_missing_locations(OtherWords().visit(parsed(function)))
    return compiled(ast.unparse(tree), function)


def mutants(function: Callable) -> dict[str, Callable]:
    """Every mutant of a function, by what was changed: `"x + 1 → x - 1"`."""
    tree = parsed(function)
    roots = [tree.body[0].args, *tree.body[0].body]
    wording = {id(node) for raised in ast.walk(tree) if isinstance(raised, ast.Raise)
               for node in ast.walk(raised)}  # fmt: skip
    nodes = [node for root in roots for node in ast.walk(root) if id(node) not in wording]
    names = {node.arg for node in nodes if isinstance(node, ast.arg)}
    names |= {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    before, found = ast.unparse(tree).splitlines(), {}
    for node in nodes:
        for new in variants(node, names, called):
            copies: dict = {}
            twin = copy.deepcopy(tree, copies)
            twin = ast.fix_missing_locations(Put(copies[id(node)], new).visit(twin))
            after = ast.unparse(twin)
            lines = itertools.zip_longest(before, after.splitlines(), fillvalue="")
            change = next((f"{a.strip()} → {b.strip()}" for a, b in lines if a != b), None)
            with contextlib.suppress(SyntaxError):
                if change and change not in found:
                    found[change] = compiled(after, function)
    return found
