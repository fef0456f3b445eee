"""How long: sentences, messages, and how hard English is to read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from dangol.editor.lexicon import quoted
from dangol.editor.model import DATA, Hit, Reading, Scene, Sentence
from dangol.editor.prose import words
from dangol.editor.registry import Scope, Severity, rule

_DATA = re.compile(f"{DATA}+")
_ENOUGH_WORDS = 40
_ENOUGH_SENTENCES = 3


def _counted(sentence: Sentence) -> int:
    """The words of a sentence; what data puts in counts as one, however long a name is."""
    return len(words(_DATA.sub(DATA, sentence.mask)))


def _unit(scene: Scene) -> str:
    return "어절" if scene.language == "ko" else "words"


@rule(
    "long-sentence",
    Scope.SENTENCE,
    Severity.WARNING,
    looks_for="A sentence of more words (어절 in Korean) than voice.yaml allows",
    why="Readers on a phone lose the thread.",
    bad="We took the record that you ordered out of its sleeve, looked at the disc and the sleeve in daylight, and … (34 words)",
    better="We took your record out of its sleeve. We looked at both in daylight.",
)
def long_sentence(sentence: Sentence, scene: Scene) -> Iterable[Hit]:
    count, most = _counted(sentence), scene.wishes.longest
    if count > most:
        message = f"the sentence has {count} {_unit(scene)}; the brand says at most {most}"
        yield Hit(0, len(sentence.text), message, "make two of it")


@rule(
    "long-average",
    Scope.MESSAGE,
    Severity.WARNING,
    looks_for="Sentences that are on average longer than voice.yaml allows",
    why="One long sentence among short ones reads well; only long ones tire.",
    bad="Every sentence of the letter goes on, clause after clause, until nobody knows where it began.",
    better="Long and short sentences take turns.",
)
def long_average(reading: Reading) -> Iterable[Hit]:
    sentences = [one for one in reading.of("body") if not one.label]
    if len(sentences) < _ENOUGH_SENTENCES:
        return
    average = sum(map(_counted, sentences)) / len(sentences)
    most = reading.scene.wishes.average
    if average > most:
        unit = _unit(reading.scene)
        message = f"the sentences have {average:.0f} {unit} on average; the brand says at most {most:g}"
        first = sentences[0]
        yield Hit(first.start, first.start + len(first.text), message, "shorten the longest ones")


@rule(
    "long-message",
    Scope.MESSAGE,
    Severity.WARNING,
    looks_for="More characters than voice.yaml allows a message on the channel",
    why="What is too long is put off, and what is put off is not read. A long SMS also costs more.",
    bad="An SMS that tells the whole story",
    better="An SMS that tells what changed, and a link to the rest",
)
def long_message(reading: Reading) -> Iterable[Hit]:
    prose = reading.parts.get("body")
    if prose is None:
        return
    count = len(_DATA.sub(DATA * 8, prose.mask.strip()))
    most = reading.scene.wishes.length
    if count > most:
        message = f"the text has about {count:,} characters; the brand says at most {most:,}"
        at = max((one.start for one in reading.of("body") if one.start <= most), default=0)
        yield Hit(at, at + 1, message, "keep what the reader needs, and link to the rest")


@rule(
    "reading-ease",
    Scope.MESSAGE,
    Severity.WARNING,
    looks_for="An English body whose Flesch reading ease is below what voice.yaml asks; from 40 words on",
    why="Plain English is understood at first reading, by people who read in a hurry or in their second language.",
    bad="Notification regarding the availability of the merchandise you previously requested",
    better="The record you asked for is here.",
)
def reading_ease(reading: Reading) -> Iterable[Hit]:
    wanted = reading.scene.wishes.reading_ease
    sentences = [one for one in reading.of("body") if not one.label]
    if wanted is None or reading.scene.language != "en" or not sentences:
        return
    told = [re.findall(r"[A-Za-z][A-Za-z'’-]*", one.mask) for one in sentences]
    if sum(map(len, told)) < _ENOUGH_WORDS:
        return
    ease = flesch(told)
    if ease < wanted:
        hardest = min(range(len(told)), key=lambda number: flesch([told[number]]) if told[number] else 200.0)
        sentence = sentences[hardest]
        message = f"the text has a reading ease of {ease:.0f} (Flesch); the brand asks for {wanted:.0f}"
        hint = f"begin with {quoted(sentence.text)}: shorter words, shorter sentences"
        yield Hit(sentence.start, sentence.start + len(sentence.text), message, hint)


def flesch(sentences: Sequence[Sequence[str]]) -> float:
    """Flesch's reading ease of English sentences, each a list of words: 100 is very easy, 30 and below difficult."""
    count = sum(map(len, sentences))
    heard = sum(syllables(word) for sentence in sentences for word in sentence)
    return 206.835 - 1.015 * count / len(sentences) - 84.6 * heard / count


def syllables(word: str) -> int:
    """How many syllables an English word has, by its groups of vowels; off by one for a few words in a hundred."""
    word = word.lower().replace("’", "'").removesuffix("'s")
    groups = len(re.findall(r"[aeiouy]+", word))
    if re.search(r"[^aeiouyl]e$|[^aeioudt]ed$|[^aeiouscxgz]es$|[aeiou][lrnm]e$", word):
        groups -= 1
    groups += len(re.findall(r"i[ao](?!u)(?:$|[^nu])|[^tsc]ia|[^tscg]io(?!u)|eo[^u]|u[ao]l|ying|[aeiou]ing$", word))
    return max(groups, 1)
