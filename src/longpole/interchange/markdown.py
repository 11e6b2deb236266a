"""Task lists in Markdown: `- [ ] Title (id: x) (after: y, z) (30m)`; read only."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

from longpole.durations import parse_minutes
from longpole.errors import InvalidInputError
from longpole.interchange.ids import Namer, resolved
from longpole.interchange.safe import MAX_DEPTH, plain_text
from longpole.interchange.values import Parsed, ParsedTodo
from longpole.limits import checked, checked_count
from longpole.model import NewTodo

if TYPE_CHECKING:
    from collections.abc import Collection

    from markdown_it.token import Token

FORMAT = "markdown"
_BOX = re.compile(r"\[([ xX])\]\s+(\S.*)", re.DOTALL)
_MARK = re.compile(r"\s*\((?:(id|after)\s*:\s*([^()]*)|([0-9][0-9.]{0,9}[dhms][0-9.dhms]{0,30}))\)")
_LEVELS = 2 * MAX_DEPTH  # a list within a list is two levels for the parser
_TEXTS = ("inline", "fence", "code_block", "html_block")


class _Item:
    """A list item on its way to a todo."""

    def __init__(self, line: int, parent: _Item | None, branch: str | None) -> None:
        self.line, self.parent, self.branch = line, parent, branch
        self.done: bool | None = None  # None: no box, so no todo
        self.title = ""
        self.id: str | None = None
        self.after: list[str] = []
        self.estimate_minutes: float | None = None
        self.texts: list[str] = []
        self.nested: list[_Item] = []

    def task(self) -> _Item | None:
        """The item itself or the nearest one above it that is a todo."""
        item: _Item | None = self
        while item is not None and item.done is None:
            item = item.parent
        return item


def parse(text: str, *, known_ids: Collection[str] = frozenset()) -> Parsed:
    """The task-list items of a document as todos.

    A ticked box is completed, a nested item is done before the one above it, the heading above is the branch;
    paragraphs and plain items below an item are its description. An item without `(id: …)` gets an id made
    from its heading, the items above it and its title, the same at every import.
    Raises InvalidInputError, and CycleError for an item that waits for itself.
    """
    items = _tasks(plain_text(text, name="the document"))
    if not items:
        raise InvalidInputError("the document has no task list; write todos as lines that begin with '- [ ]'")
    checked_count(len(items))
    _name(items)
    counts = {"records": len(items), "todos": len(items), "completed": sum(item.done is True for item in items)}
    known = {str(item.id) for item in items}.union(known_ids)
    todos = tuple(_todo(item, known, counts) for item in items)
    counts["dependencies.after"] = sum(len(todo.new.after) for todo in todos)
    return Parsed(format=FORMAT, todos=todos, counts=counts)


def _tasks(text: str) -> list[_Item]:
    items: list[_Item] = []
    open_items: list[_Item] = []
    branch: str | None = None
    tokens = _tokens(text)
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open" and following is not None and not open_items:
            branch = " ".join(following.content.split()) or None
        elif token.type == "list_item_open":
            open_items.append(_Item(_line(token), open_items[-1] if open_items else None, branch))
            items.append(open_items[-1])
        elif token.type == "list_item_close":
            open_items.pop()
        elif open_items and token.type in _TEXTS:
            _take(open_items[-1], token.content.strip("\n"))
    return [item for item in items if item.done is not None]


def _tokens(text: str) -> list[Token]:
    """The document's blocks; what stands inside a line is left as written."""
    parser = MarkdownIt("commonmark", {"maxNesting": _LEVELS + 2})
    parser.core.ruler.disable(["inline", "text_join"])
    try:
        tokens = parser.parse(text)
    except RecursionError:
        raise InvalidInputError(f"the document is nested too deeply; flatten it to {MAX_DEPTH} levels") from None
    deepest = max(tokens, key=lambda token: token.level, default=None)
    if deepest is not None and deepest.level >= _LEVELS:
        raise InvalidInputError(f"line {_line(deepest)} is nested too deeply; flatten it to {MAX_DEPTH} levels")
    return tokens


def _take(item: _Item, content: str) -> None:
    """Let an item have a text of its own: the first one makes it a todo or not, later ones describe it."""
    box = _BOX.fullmatch(content) if not item.texts and item.done is None else None
    if box is not None:
        title, _, rest = box.group(2).partition("\n")
        item.done = box.group(1) != " "
        item.title = " ".join(_MARK.sub(lambda mark: _read_mark(item, mark), title).split())
        content = rest
        above = item.parent.task() if item.parent is not None else None
        if above is not None:
            above.nested.append(item)
    item.texts.append(content)
    owner = item.task()
    if owner is not None and owner is not item:
        owner.texts.append(f"- {content}")


def _read_mark(item: _Item, mark: re.Match[str]) -> str:
    """Let the item have what the mark says; gives what stays of it in the title."""
    key, words, duration = mark.groups()
    if key == "id":
        item.id = words.strip()
    elif key == "after":
        item.after += [word.strip() for word in words.split(",") if word.strip()]
    else:
        try:
            item.estimate_minutes = parse_minutes(duration)
        except InvalidInputError:
            return mark.group()
    return ""


def _name(items: list[_Item]) -> None:
    """Give each item an id. Raises InvalidInputError for one given twice."""
    lines: dict[str, int] = {}
    for item in items:
        if item.id is not None and lines.setdefault(item.id, item.line) != item.line:
            raise InvalidInputError(
                f"lines {lines[item.id]} and {item.line} have the same id {item.id!r}; rename one of them",
                todo_id=item.id,
            )
    namer = Namer(lines)
    for item in items:
        if item.id is None:
            above = item.parent.task() if item.parent is not None else None
            item.id = namer.name(item.branch or "", (above.id or "") if above is not None else "", item.title)


def _todo(item: _Item, known: Collection[str], counts: dict[str, int]) -> ParsedTodo:
    after = [*item.after, *(str(nested.id) for nested in item.nested)]
    try:
        new = checked(
            NewTodo(
                title=item.title,
                id=item.id,
                description="\n\n".join(text for text in item.texts if text),
                after=resolved(str(item.id), after, known=known, counts=counts),
                estimate_minutes=item.estimate_minutes,
                branch=item.branch,
            )
        )
    except InvalidInputError as error:
        if type(error) is not InvalidInputError:
            raise
        raise InvalidInputError(f"line {item.line}: {error}", todo_id=error.todo_id) from None
    return ParsedTodo(new=new, completed=item.done is True)


def _line(token: Token) -> int:
    return token.map[0] + 1 if token.map else 0
