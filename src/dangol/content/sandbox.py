"""Where messages run: Jinja's sandbox, narrowed to data, with a budget for work and for length.

``dialect`` has refused what a message may not say; here is what bounds the rest. Every loop turn and every macro call
costs a step (their trees are rewritten for it), arithmetic is for numbers, and ``~`` and macros give bounded texts.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import lru_cache, partial
from itertools import islice
from typing import Any

from babel.core import Locale
from jinja2 import Environment, StrictUndefined, Template, TemplateError, UndefinedError, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.nodes import EvalContext
from jinja2.runtime import Context, LoopContext, Macro, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from dangol.content.filters import (
    TESTS,
    Refused,
    bounded,
    filters_for,
    in_html,
    in_text_alone,
    printable,
    url,
    url_part,
)
from dangol.content.links import IMAGES, in_push
from dangol.content.tags import DELIMITERS, Assembled, Origin
from dangol.model.duty import CONFIRM

MAX_STEPS = 5_000
MAX_CHARACTERS = 1_000_000
MAX_DEPTH = 80
_TOO_DEEP = f"expressions or blocks are nested too deeply; at most {MAX_DEPTH} levels are read"
_BATCH = 500
_ITEMS_A_STEP = 20
_CHARACTERS_A_STEP = 2_000

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}
_LIGHT = frozenset({"default", "length"})
_LOOP = frozenset({"index", "index0", "first", "last", "length", "revindex"})


class Budget:
    """How much one rendering may still do."""

    __slots__ = ("steps",)

    def __init__(self) -> None:
        self.steps = MAX_STEPS


def _spend(budget: Budget, steps: int = 1) -> bool:
    budget.steps -= steps
    if budget.steps < 0:
        raise Refused(f"the message takes more than {MAX_STEPS:,} steps; a loop is too long")
    return True


def _weighed(value: Any, budget: Budget) -> Any:
    """A value that is about to be gone through: a long list or text costs more than a step."""
    if isinstance(value, str):
        if len(value) > _CHARACTERS_A_STEP:
            _spend(budget, len(value) // _CHARACTERS_A_STEP)
    elif isinstance(value, list | tuple | dict):
        _spend(budget, len(value) // _ITEMS_A_STEP)
    return value


def _comparable(value: Any, budget: Budget) -> Any:
    """A value that is about to be compared, which Python does to any depth without asking."""
    if isinstance(value, str):
        _weighed(bounded(value), budget)
    elif isinstance(value, list | tuple | dict):
        _weighed(value, budget)
        if any(
            isinstance(item, list | tuple | dict) for item in (value.values() if isinstance(value, dict) else value)
        ):
            raise Refused("lists within lists cannot be compared")
    return value


class Missing(StrictUndefined):
    """A value that is not there. Using it in any way but asking ``is present`` is an error that names it."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        return self._undefined_hint or f"`{self._undefined_name}` is missing"


class _Generator(CodeGenerator):
    """Writes the Python of a message; what ``{{ … }}`` shows is cleaned and escaped in one call instead of three."""

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if frame.eval_ctx.volatile or self.environment.finalize is None:
            super()._output_child_pre(node, frame, finalize)
        else:
            self.write("(environment.in_html(" if frame.eval_ctx.autoescape else "(environment.in_text(")


class MessageEnvironment(ImmutableSandboxedEnvironment):
    """Jinja that sees data only: ``a.b`` is an item of a mapping, never an attribute of a Python object."""

    code_generator_class = _Generator
    intercepted_binops = frozenset({*_OPERATORS, "**"})
    in_html = staticmethod(in_html)
    in_text = staticmethod(in_text_alone)

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is LoopContext and attribute in _LOOP:
            return getattr(obj, attribute)
        try:
            return obj[attribute]
        except (TypeError, LookupError):
            return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        return self.getattr(obj, argument)

    def call(self, context: Context, called: Any, *args: Any, **kwargs: Any) -> Any:
        """Call a macro; there is nothing else to call."""
        if type(called) is not Macro:
            return super().call(context, called, *args, **kwargs)
        kwargs.pop("_loop_vars", None)
        return called(context.eval_ctx, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        for side in (left, right):
            if isinstance(side, Undefined):
                str(side)  # raises, with its name
            if isinstance(side, bool) or not isinstance(side, int | float):
                raise Refused(f"`{operator}` is for numbers; join texts with `~`")
        result = _OPERATORS[operator](left, right)
        if abs(result) > 10**18:
            raise Refused(f"the result of `{operator}` is too large")
        return result


@lru_cache(maxsize=64)
def environment(locale: str, *, html: bool, schemes: tuple[str, ...] = ()) -> MessageEnvironment:
    """The environment for texts of one locale; ``html`` escapes what data puts in, ``schemes`` are the app's."""
    made = MessageEnvironment(
        autoescape=html, undefined=Missing, finalize=printable, optimized=False, cache_size=0, **DELIMITERS
    )
    made.filters = {
        **filters_for(Locale.parse(locale, sep="-"), schemes),
        "_bounded": bounded,
        "_comparable": _comparable,
        "_spend": _spend,
        "_weighed": _weighed,
        "_url_part": url_part,
        "_web_url": partial(url, IMAGES),
        "_push_url": partial(url, in_push(schemes)),
    }
    made.tests = dict(TESTS)
    made.globals = {}
    return made


class _Bounds(NodeTransformer):
    """Puts the budget into loops and macros, and a length into what can double itself."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.body.insert(0, _step(node.lineno))
        if node.test is not None:  # it is asked for items that are then left out, too
            node.test = nodes.And(_step(node.lineno).node, node.test, lineno=node.lineno)
        return node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        if not isinstance(node.expr, nodes.Const):
            node.expr = _with_budget(node.expr, "_comparable")
        for operand in node.ops:
            if not isinstance(operand.expr, nodes.Const | nodes.List | nodes.Tuple):
                operand.expr = _with_budget(operand.expr, "_comparable")
        return node

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        if not node.name.startswith("_") and node.name not in _LIGHT and node.node is not None:
            node.node = _with_budget(node.node, "_weighed")
        return node

    def visit_Macro(self, node: nodes.Macro) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.body.insert(0, _step(node.lineno))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _within(node)

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _within(node)


def _with_budget(node: nodes.Expr, name: str) -> nodes.Expr:
    budget = nodes.Name("_budget", "load", lineno=node.lineno)
    return nodes.Filter(node, name, [budget], [], None, None, lineno=node.lineno)


def _step(line: int) -> nodes.ExprStmt:
    budget = nodes.Name("_budget", "load", lineno=line)
    return nodes.ExprStmt(nodes.Filter(budget, "_spend", [], [], None, None, lineno=line), lineno=line)


def _within(node: nodes.Expr) -> nodes.Node:
    return nodes.Filter(node, "_bounded", [], [], None, None, lineno=node.lineno)


class _Run(Context):
    """What one rendering of a text looks names up in; all of a text share what never changes."""

    def __init__(self, environment: MessageEnvironment, values: dict[str, Any], settled: EvalContext) -> None:
        self.parent = values
        self.vars, self.exported_vars, self.blocks = {}, set(), {}
        self.environment = environment
        self.eval_ctx = settled
        self.name, self.globals_keys = None, set()


class Program:
    """A text that is ready to run. One instance serves any number of threads."""

    __slots__ = ("_constant", "_environment", "_origins", "_run", "_settled", "_template", "facts")

    def __init__(
        self, text: Assembled, tree: nodes.Template, env: MessageEnvironment, facts: frozenset[tuple[str, str]]
    ):
        """Compile a tree that ``dialect`` has found good. Raises TemplateError if Python cannot compile it."""
        self.facts = facts
        self._origins = text.origins
        self._environment = env
        self._constant = None if text.has_tags else text.source
        _Bounds().visit(tree)
        tree.set_environment(env)
        try:
            self._template = Template.from_code(env, env.compile(tree, filename="<message>"), {}, None)
        except (SyntaxError, RecursionError, MemoryError):
            raise TemplateError("blocks are nested too deeply to be compiled") from None
        self._run = self._template.root_render_func
        self._settled = EvalContext(env)

    def render(self, values: dict[str, Any]) -> str:
        """The text with ``values`` (profile, event, links, _budget) put in.

        Raises whatever the template runs into; ``explain`` turns it into words.
        """
        if self._constant is not None:
            return self._constant
        run = _Run(self._environment, values, self._settled)
        chunks = self._run(run)
        text = _within_limit("".join(islice(chunks, _BATCH)))
        for chunk in chunks:
            text = _within_limit("".join((text, chunk, *islice(chunks, _BATCH))))
        run.vars.clear()  # macros hold what holds them; without this, each text would wait for the garbage collector
        return text

    def explain(self, error: Exception) -> tuple[Origin | None, str]:
        """Where an author should look, and what was wrong, in words."""
        return self._origin(error), self._words(error)

    def _origin(self, error: Exception) -> Origin | None:
        found = None
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == "<message>":
                found = self._origins.get(self._template.get_corresponding_lineno(trace.tb_lineno), found)
            trace = trace.tb_next
        return found

    def _words(self, error: Exception) -> str:
        if isinstance(error, UndefinedError):
            named = {f"`{name}` is missing": _missing(scope, name) for scope, name in sorted(self.facts)}
            return named.get(str(error), str(error))
        if isinstance(error, ZeroDivisionError):
            return "a number is divided by zero"
        if isinstance(error, TypeError):
            return f"a value is of another kind than expected: {error}"
        return str(error) or type(error).__name__


def _missing(scope: str, name: str) -> str:
    if scope != "links":
        return f"`{scope}.{name}` is missing"
    if name == CONFIRM:
        return "`links.confirm` cannot be made: it takes DANGOL_PUBLIC_URL and an event with `consent_id`"
    return f"`links.{name}` cannot be made: DANGOL_PUBLIC_URL has to say where recipients reach the pages"


def _within_limit(text: str) -> str:
    if len(text) > MAX_CHARACTERS:
        raise Refused(f"the message grew beyond {MAX_CHARACTERS:,} characters")
    return text


def parse(env: Environment, source: str) -> nodes.Template:
    """Jinja's tree of a source. Raises TemplateError, also for a tree deeper than Python's stack likes."""
    try:
        tree = env.parse(source)
    except (RecursionError, MemoryError):
        raise TemplateError(_TOO_DEEP) from None
    level: list[nodes.Node] = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in node.iter_child_nodes()]
        if not level:
            return tree
    raise TemplateError(_TOO_DEEP)
