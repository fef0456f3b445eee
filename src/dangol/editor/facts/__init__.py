"""The same facts everywhere: what each text of a message says, and whether they all say the same."""

from dangol.editor.facts.compare import SEVERITY, Comparison, Finding, Rule, compare
from dangol.editor.facts.extract import extract
from dangol.editor.facts.model import Fact, Kind, Rendering, Weight
from dangol.editor.facts.places import WordPlaces
from dangol.editor.facts.review import FactReview, FactTable, Place, TableRow, review
from dangol.editor.facts.shown import shown

__all__ = [
    "SEVERITY",
    "Comparison",
    "Fact",
    "FactReview",
    "FactTable",
    "Finding",
    "Kind",
    "Place",
    "Rendering",
    "Rule",
    "TableRow",
    "Weight",
    "WordPlaces",
    "compare",
    "extract",
    "review",
    "shown",
]
