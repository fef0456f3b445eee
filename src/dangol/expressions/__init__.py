"""Conditions of campaigns, audiences and caps: one small typed language, one parser, two back ends.

``parse`` checks a text against the workspace's tracking plan; ``evaluate`` answers for one person in memory;
``to_sql`` makes a WHERE clause for an audience of millions. Both back ends give the same answer:

* a value that is absent, null, or of another JSON type than declared is *missing*;
* a comparison or ``in`` with a missing side is false, ``!=`` and ``not in`` too; ``x == none`` asks for it;
* numbers are doubles; JSON numbers beyond ±1e15 are missing, those nearer to zero than 1e-15 are zero;
  arithmetic with a missing side and division by zero are missing; ``sum`` adds to the sixth decimal;
* text compares by code point, dates and datetimes (see ``moments`` for their one shape) by time;
* ``days_since`` gives whole days, rounded down; a date begins at midnight UTC;
* functions look at events up to now; ``within`` includes both its ends; a count or sum of nothing is 0.
"""

from dangol.expressions.evaluate import evaluate
from dangol.expressions.parse import Scope, number_problems, parse, parse_number, problems
from dangol.expressions.to_sql import to_sql
from dangol.expressions.tree import Expression, Figure, Needs, Person

__all__ = [
    "Expression",
    "Figure",
    "Needs",
    "Person",
    "Scope",
    "evaluate",
    "number_problems",
    "parse",
    "parse_number",
    "problems",
    "to_sql",
]
