"""What a page for recipients must have, whoever reads it by whatever means (WCAG 2.2 AA, as far as HTML tells)."""

from __future__ import annotations

from html.parser import HTMLParser

_TYPED = {"email", "tel", "text", "checkbox", "radio"}


def mistakes(page: str, language: str) -> list[str]:
    """What is wrong with this page; empty if nothing is."""
    reader = _Reader()
    reader.feed(page)
    found = list(reader.mistakes)
    if reader.language != language:
        found.append(f"the page says that it is in {reader.language!r}")
    if reader.headings.count(1) != 1:
        found.append("a page has one h1")
    if any(below > above + 1 for above, below in zip(reader.headings, reader.headings[1:], strict=False)):
        found.append(f"headings skip a level: {reader.headings}")
    found += [f"no label for #{id_}" for id_ in reader.named - reader.labels]
    found += [f"the id {id_} is there twice" for id_ in set(reader.ids) if reader.ids.count(id_) > 1]
    found += [f"#{id_} is referred to and not there" for id_ in reader.references - set(reader.ids)]
    if not reader.title.strip():
        found.append("no title")
    return found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.mistakes: list[str] = []
        self.headings: list[int] = []
        self.labels: set[str] = set()
        self.named: set[str] = set()
        self.references: set[str] = set()
        self.ids: list[str] = []
        self.language: str | None = None
        self.title = ""
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if id_ := told.get("id"):
            self.ids.append(id_)
        for name in ("aria-labelledby", "aria-describedby"):
            self.references |= set((told.get(name) or "").split())
        if tag == "html":
            self.language = told.get("lang")
        if tag in ("script", "iframe", "img") or any(name.startswith("on") for name in told):
            self.mistakes.append(f"a page for recipients has no {tag}")
        if "style" in told:
            self.mistakes.append(f"<{tag}> has a style of its own, which the policy forbids")
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self.headings.append(int(tag[1]))
        if tag == "label" and (of := told.get("for")):
            self.labels.add(of)
        if tag == "select" or (tag == "input" and told.get("type") in _TYPED):
            self._needs_a_label(tag, told)
        if tag not in ("input", "meta", "br", "link"):
            self._open.append(tag)

    def _needs_a_label(self, tag: str, told: dict[str, str | None]) -> None:
        if "label" in self._open:
            return
        if id_ := told.get("id"):
            self.named.add(id_)
        else:
            self.mistakes.append(f"<{tag} name={told.get('name')}> has no label")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "title":
            self.title += data
