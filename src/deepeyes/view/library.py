"""All that a page can show: an index of every entry, and each entry as HTML when somebody looks at it.

What always holds: entries are read from disk when they are shown, so that only the index is in memory; an
entry is asked for by its key, which stays the same when a run goes on; nothing that is asked for can reach a
file which is not a trace or an image of these folders. Calls from several threads wait for each other.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepeyes.core.errors import InputError
from deepeyes.core.images import ImageStore
from deepeyes.data.item import Item
from deepeyes.train.rl.episodes import ADVANTAGE
from deepeyes.view.collect import Source, collect
from deepeyes.view.curated import Curation
from deepeyes.view.episode import card
from deepeyes.view.images import Album, image_file, named
from deepeyes.view.reading import pretty
from deepeyes.view.render import article, heading, item_article
from deepeyes.view.rows import VERDICTS, Row, columns, found, row_of, row_of_item
from deepeyes.view.summary import summarise
from deepeyes.view.tokens import Tokenizers
from deepeyes.view.trained import Sibling, Trained, pushed, signed, worth_of

Tell = Callable[[int], None]
"""Called with the number of episodes that were read so far."""


@dataclass(frozen=True)
class Entry:
    """An episode, or a row of a curation."""

    row: Row
    place: int
    """Of its source, or of its curation."""
    offset: int
    """Of its line in its source's file."""
    item: Item | None = None


@dataclass
class Library:
    """Some folders to look at. `open` makes one."""

    title: str
    homes: list[Path]
    """The folders that were named, or those of the files."""
    sources: list[Source]
    curations: list[Curation]
    trained: list[Trained]
    tokenizers: Tokenizers = field(default_factory=Tokenizers)
    problems: list[str] = field(default_factory=list[str])
    """What could not be read when it was opened."""
    entries: list[Entry] = field(default_factory=list[Entry])
    keys: list[str] = field(default_factory=list[str])
    """Of the entries, in the same order."""
    _read: dict[int, dict[str, Entry]] = field(default_factory=dict[int, dict[str, Entry]])
    """By source, its episodes by id: the last that was written counts."""
    _places: dict[str, int] = field(default_factory=dict[str, int])
    _groups: dict[tuple[int, str], list[str]] = field(default_factory=dict[tuple[int, str], list[str]])
    """By source and task, the keys of its episodes."""
    _index: str = ""
    """As it was told last."""
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @classmethod
    def open(
        cls,
        paths: Sequence[Path],
        title: str = "",
        *,
        tokenizer: Path | None = None,
        tell: Tell = lambda count: None,
    ) -> Library:
        """What is at or below the paths. Raises `InputError` if that is nothing."""
        tokenizers = Tokenizers(tokenizer)
        tokenizers.check()
        there = collect(paths)
        name = title or ", ".join(dict.fromkeys(_name(path) for path in paths))
        homes = [path if path.is_dir() else path.parent for path in paths]
        library = cls(name, homes, there.sources, there.curations, there.trained, tokenizers, there.problems)
        library.refresh(tell)
        return library

    def refresh(self, tell: Tell = lambda count: None) -> bool:
        """Take in what was written since; whether there was anything."""
        with self._lock:
            before = self.all_problems
            changed = bool([one for one in (*self.curations, *self.trained) if one.read()])
            count = 0
            for place, source in enumerate(self.sources):
                known = self._read.setdefault(place, {})
                for line in source.file.read_on():
                    changed = True
                    if line is None:
                        known.clear()
                        continue
                    offset, trace = line
                    trial = source.trial(trace.id)
                    row = row_of(
                        trace, run=source.label, benchmark=source.benchmark, trial=trial, step=source.step
                    )
                    known[trace.id] = Entry(row, place, offset)
                    count += 1
                    if count % 500 == 0:
                        tell(count)
            if changed:
                self._arrange()
            return changed or self.all_problems != before

    def _arrange(self) -> None:
        self.entries = [
            Entry(row_of_item(item), place, -1, item)
            for place, curation in enumerate(self.curations)
            for item in curation.items
        ]
        self.entries += [entry for known in self._read.values() for entry in known.values()]
        self._places, self._groups = {}, {}
        many = _repeated(entry.row.id for entry in self.entries)
        for place, entry in enumerate(self.entries):
            # `several` runs hold the same id: the run's name tells them apart.
            run = self._label(entry)
            key = f"{run}/{entry.row.id}" if entry.row.id in many else entry.row.id
            while key in self._places:
                key += "~"
            self._places[key] = place
            if entry.item is None:
                self._groups.setdefault((entry.place, _task(entry.row)), []).append(key)
        self.keys = list(self._places)

    def _label(self, entry: Entry) -> str:
        return (self.curations if entry.item else self.sources)[entry.place].label

    # ---- what a page asks for

    def index(self, *, words: bool = False, notes: Sequence[str] = ()) -> str:
        """The heading and the list, as JSON; with `words` also all that can be searched. `notes` are said
        with what could not be read.
        """
        with self._lock:
            problems = [*self.all_problems, *notes]
            head = heading(self.title, self._summaries(), self.curations, self.trained, problems)
            listed = columns([entry.row for entry in self.entries], self.keys, words=words)
            return _json({"title": self.title, "head": head, "verdicts": VERDICTS, **listed})

    def fresh_index(self) -> str:
        """The same for a server: with what was written since the last time."""
        with self._lock:
            if self.refresh() or not self._index:
                self._index = self.index()
            return self._index

    def entry(self, key: str) -> str:
        """One entry as JSON: `html`, and for the tokens of each turn their text where that is known. Raises
        `InputError` for a key that is none.
        """
        entry = self._entry(key)
        return self.render(entry, self.album(entry))

    def album(self, entry: Entry) -> Album:
        """Where the images of an entry are."""
        if entry.item is not None:
            return Album(self.curations[entry.place].images, len(self.sources) + entry.place)
        return Album(self.sources[entry.place].images, entry.place)

    def render(self, entry: Entry, album: Album) -> str:
        """See `entry`; the images that it shows are noted in `album`."""
        if entry.item is not None:
            return _json({"html": self._item(entry, entry.item, album), "pieces": []})
        source = self.sources[entry.place]
        trace = source.file.trace(entry.offset)
        trial = source.trial(trace.id)
        shown = card(trace, album, trial.masked_turns if trial else ())
        label = source.label if len({one.label for one in self.sources}) > 1 else ""
        pieces = [
            self.tokenizers.pieces(trace.model, turn.token_ids) if turn.token_ids else None
            for turn in trace.turns
        ]
        told: dict[str, Any] = {"pieces": pieces}
        worth = worth_of(trace, source.step, self._group(entry) if trace.rewards else ())
        if worth is not None:
            told["fed"] = [self.tokenizers.fed(trace.model, turn.prompt_ids or ()) for turn in trace.turns]
        return _json({"html": article(shown, label, trial, worth), **told})

    def raw(self, key: str) -> str:
        """One entry's line of its file, as indented JSON. Raises `InputError`."""
        entry = self._entry(key)
        if entry.item is not None:
            return entry.item.model_dump_json(indent=1)
        return pretty(self.sources[entry.place].file.line(entry.offset))

    def find(self, query: str) -> str:
        """The places in the index of the entries that hold every word, as JSON."""
        with self._lock:
            return json.dumps(found((entry.row for entry in self.entries), query))

    def image(self, store: int, sha256: str, view: tuple[int, int] | None) -> tuple[bytes, str]:
        """An image as a file, and its media type. Raises `InputError` where there is none."""
        stores = self.stores
        name = named(store, sha256, view)
        if name is None or not 0 <= store < len(stores):
            raise InputError("there is no such image", "load the page again")
        return image_file(stores[store], name)

    @property
    def stores(self) -> list[ImageStore]:
        """By the numbers that image names have."""
        return [source.images for source in self.sources] + [one.images for one in self.curations]

    @property
    def all_problems(self) -> list[str]:
        """What could not be read."""
        told = [*self.problems, *(text for source in self.sources for text in source.file.problems)]
        return [*told, *(text for one in (*self.curations, *self.trained) for text in one.problems)]

    def _summaries(self) -> list[Any]:
        by_run: dict[str, list[Row]] = defaultdict(list)
        for entry in self.entries:
            if entry.item is None:
                by_run[self._label(entry)].append(entry.row)
        labels = dict.fromkeys(source.label for source in self.sources)
        return [summarise(label, by_run[label]) for label in labels]

    def _group(self, entry: Entry) -> list[Sibling]:
        """All episodes that were kept of its task at its step, in the order of their samples."""
        keys = self._groups[entry.place, _task(entry.row)]
        rows = {key: self.entries[self._places[key]].row for key in keys}
        return [
            Sibling(
                key,
                row.pair.rpartition("#")[2],
                row.verdict,
                f"{row.rewards.get('total', 0.0):.2f}",
                signed(row.rewards.get(ADVANTAGE)),
                pushed(row.rewards),
                row.turns,
                row.tokens,
                row.answer,
                row.id == entry.row.id,
            )
            for key, row in sorted(rows.items(), key=lambda one: int(one[1].pair.rpartition("#")[2]))
        ]

    def _item(self, entry: Entry, item: Item, album: Album) -> str:
        curation = self.curations[entry.place]
        found = {
            (source.store, source.part, known.row.id): key
            for key, known in zip(self.keys, self.entries, strict=True)
            if known.item is None
            and (source := self.sources[known.place]).curation is curation
            and _task(known.row) == item.id
        }
        return item_article(item, album, dict(sorted(found.items())))

    def _entry(self, key: str) -> Entry:
        with self._lock:
            place = self._places.get(key)
            if place is None:
                raise InputError("there is no such entry", "load the page again")
            return self.entries[place]


def _repeated(ids: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    return {id for id in ids if id in seen or seen.add(id)}


def _task(row: Row) -> str:
    return row.pair.rpartition("#")[0]


def _name(path: Path) -> str:
    whole = path.resolve()
    return whole.parent.name if whole.is_file() else whole.name


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
