"""Many conversations, one small model: a worker thread that reads what is new and decodes all rows in step.

Requests come from any event loop; the thread takes what is waiting and reads it, then adds one token to every
row that is speaking, and so on. A new request joins at the next step, so nobody waits for the slowest. What
many ask about is read once: an image that was seen lately is not encoded again, and a conversation that
begins as another one did (the samples of one question) takes over what that one read. New weights forget
both.
"""

import asyncio
import functools
import queue
import random
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from tokenizers import Tokenizer

from deepeyes.core.messages import ImagePart
from deepeyes.core.sampling import Sampling

from .cache import positions
from .network import Network
from .pixels import patchify
from .sampler import distribution, drawn
from .size import MERGE, PATCH

Grid = tuple[int, int, int]
ViewKey = tuple[str, int, int]
"""What tells views apart: the hash of the full image, width and height."""

_SLACK = 3
"""Stop strings are looked for in as many last tokens as the longest has bytes, and in so many more: what is
left of a character that is half written when they begin takes up to three.
"""
_STOPS = 64
"""Sets of stop strings whose last tokens are remembered, the latest."""
_SEEN = 256
"""Encoded images that are kept, the latest."""


@dataclass(eq=False)
class Request:
    """Read `ids` (with the images among them, which hold their pixels) into `row`, then speak."""

    row: int
    ids: list[int]
    images: list[ImagePart]
    max_tokens: int
    sampling: Sampling
    seed: int
    """Of this turn: one of a conversation's turns does not repeat another's draws."""
    first: bool
    """Of its conversation: whatever the row holds is forgotten before it is read."""
    on_text: Callable[[str], None] | None
    future: asyncio.Future["Spoken"]
    tokens: list[int] = field(default_factory=list[int])
    logprobs: list[float] = field(default_factory=list[float])
    told: int = 0
    cancelled: bool = False

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)

    @property
    def prompt(self) -> tuple[tuple[int, ...], tuple[ViewKey, ...]]:
        """What is read: two requests with the same read the same."""
        return tuple(self.ids), tuple(map(_key, self.images))


@dataclass(frozen=True)
class Spoken:
    """What a request said. `text` is that of `tokens`, which end with `<|im_end|>`, or with the token that
    completes a stop string (and may write more than the rest of it), or where there was no more room.
    """

    text: str
    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    finish: str
    policy: int | None = None
    """The version of the weights; None until they are changed."""


class Engine:
    """The network, its cache of `rows` x `length` tokens and the thread that drives them; started by the
    first request. The tokenizer must know `<|im_end|>`.
    """

    def __init__(self, network: Network, tokenizer: Tokenizer, *, rows: int = 32, length: int = 1536) -> None:
        self.network = network
        self.tokenizer = tokenizer
        self.length = length
        self.image_token = network.shape.image_token
        end = tokenizer.token_to_id("<|im_end|>")
        assert end is not None, "a tokenizer of the chat template has its tokens"
        self.end = end
        self._cache = network.cache(rows, length)
        self._held, self._next = [0] * rows, [0] * rows
        """Of every row: how many tokens it holds, and the position that comes next."""
        self._began: list[object] = [None] * rows
        """What every row's conversation began with; it is there until another one takes the row."""
        self._seen: OrderedDict[ViewKey, torch.Tensor] = OrderedDict()
        added = tokenizer.get_added_tokens_decoder()
        special = [token for token, about in added.items() if about.special]
        unused = range(tokenizer.get_vocab_size(), network.vocabulary)
        self.banned = tuple(sorted({*(token for token in special if token != self.end), *unused}))
        """Tokens that are never drawn."""
        self._banned = torch.tensor(self.banned)
        self._enders = functools.lru_cache(_STOPS)(self._find_enders)
        self._policy: int | None = None
        self._met = torch.zeros(rows, network.vocabulary, dtype=torch.bool)
        """(rows, vocabulary): the tokens that a row's conversation holds, for the repetition penalty."""
        self._queue: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def held(self, row: int) -> int:
        """How many tokens `row` holds."""
        return self._held[row]

    def learn(self, weights: Mapping[str, torch.Tensor], policy: int) -> None:
        """Speak with other weights of the same shapes from now on; `policy` is their version.

        Only while no request is waiting or speaking: what a row holds was read with the weights before.
        """
        self.network = Network(self.network.shape, weights)
        self._policy = policy
        self._began = [None] * len(self._began)
        self._seen.clear()

    async def speak(self, request: Request) -> Spoken:
        """Queue a request; cancelling the wait stops its decoding."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._work, name="nano", daemon=True)
            self._thread.start()
        self._queue.put(request)
        try:
            return await asyncio.shield(request.future)
        except asyncio.CancelledError:
            request.cancelled = True
            raise

    def stop(self) -> None:
        """End the thread after the requests that are waiting."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    @torch.inference_mode()
    def _work(self) -> None:
        speaking: list[Request] = []
        logits = torch.zeros(0)
        try:
            while (fresh := self._waiting(block=not speaking)) is not None:
                before, speaking = speaking, [*speaking, *fresh]
                if fresh:
                    read = torch.cat([self._read(request) for request in fresh])
                    logits = torch.cat([logits, read]) if before else read
                speaking = sorted(self._choose(speaking, logits), key=lambda request: request.row)
                if speaking:
                    logits = self._step(speaking)
        finally:  # a bug ends the thread, loudly; nobody may wait for it for ever
            for request in speaking:
                _resolve(request, RuntimeError(f"the nano engine stopped: {sys.exc_info()[1]!r}"))

    def _waiting(self, block: bool) -> list[Request] | None:
        fresh: list[Request] = []
        while True:
            try:
                request = self._queue.get(block=block and not fresh)
            except queue.Empty:
                return fresh
            if request is None:
                return None
            if not request.cancelled:
                fresh.append(request)

    def _read(self, request: Request) -> torch.Tensor:
        """Prefill: the logits (1, vocabulary) after the request's last token."""
        row, ids, grids = request.row, request.ids, [_grid(image) for image in request.images]
        if request.first:  # only this thread knows that nobody before it still decodes in the row
            self._held[row] = self._next[row] = 0
            self._met[row] = False
        places, after = positions(ids, grids, self._next[row], self.image_token, MERGE)
        if request.first:
            prompt, twin = request.prompt, self._twin(request)
            self._began[row] = prompt
            if twin is not None:  # all but the last token, which is text, is there
                self._cache.copy(twin, row, len(ids) - 1)
                self._held[row], ids, places = len(ids) - 1, ids[-1:], places[:, -1:]
        tokens = torch.tensor([ids])
        embedded = self.network.embed(tokens)
        images = tokens == self.image_token
        if images.any():
            embedded[images] = self._encoded(request.images)
        self._cache.begin([row], [self._held[row]], len(ids))
        hidden = self.network.think(embedded, places[:, None], self._cache)
        self._held[row] += len(ids)
        self._next[row] = after
        self._met[row, torch.tensor(request.ids)] = True
        return self.network.logits(hidden[:, -1])

    def _twin(self, request: Request) -> int | None:
        """A row that holds what this request, the first of its conversation, is about to read."""
        prompt = request.prompt
        return next((row for row, began in enumerate(self._began) if began == prompt), None)

    def _encoded(self, images: Sequence[ImagePart]) -> torch.Tensor:
        """Vectors (cells, hidden) of images, one after the other."""
        new = {_key(image): image for image in images if _key(image) not in self._seen}
        if new:
            cut = [patchify(image.pixels) for image in new.values() if image.pixels]
            cells = [rows * columns // MERGE**2 for _, (_, rows, columns) in cut]
            seen = self.network.see(torch.cat([patches for patches, _ in cut]), [grid for _, grid in cut])
            self._seen.update(zip(new, seen.split(cells), strict=True))
        for image in images:
            self._seen.move_to_end(_key(image))
        found = torch.cat([self._seen[_key(image)] for image in images])
        while len(self._seen) > _SEEN:
            self._seen.popitem(last=False)
        return found

    def _step(self, requests: Sequence[Request]) -> torch.Tensor:
        """Feed every request, in the order of their rows, its last token: the logits (requests, vocabulary)
        that follow.
        """
        rows = [request.row for request in requests]
        embedded = self.network.embed(torch.tensor([[request.tokens[-1]] for request in requests]))
        places = torch.tensor([[self._next[row]] for row in rows]).expand(3, -1, -1)
        self._cache.begin(rows, [self._held[row] for row in rows], 1)
        hidden = self.network.think(embedded, places, self._cache)
        for row in rows:
            self._held[row] += 1
            self._next[row] += 1
        return self.network.logits(hidden[:, 0])

    def _choose(self, requests: Sequence[Request], logits: torch.Tensor) -> list[Request]:
        """Take every request's next token from `logits` (requests, vocabulary); those that speak on."""
        rows = torch.tensor([request.row for request in requests])
        allowed = logits.index_fill(1, self._banned, -torch.inf)
        logprobs = distribution(allowed, [request.sampling for request in requests], self._met[rows])
        greedy = torch.tensor([request.sampling.temperature == 0 for request in requests])
        likeliest, other = logprobs.argmax(-1), drawn(logprobs, [one.dice.random() for one in requests])
        tokens = torch.where(greedy, likeliest, other)
        self._met[rows, tokens] = True
        chosen = logprobs.gather(1, tokens[:, None])[:, 0]
        return [
            request
            for request, token, logprob in zip(requests, tokens.tolist(), chosen.tolist(), strict=True)
            if self._add(request, token, logprob)
        ]

    def _add(self, request: Request, token: int, logprob: float) -> bool:
        """Add a token to what the request has said; False once it has finished."""
        if request.cancelled:
            return False
        request.tokens.append(token)
        request.logprobs.append(logprob)
        if request.on_text:
            _tell(request, self._text(request.tokens))
        if token == self.end or (token in self._enders(request.sampling.stop) and self._stops(request)):
            finish = "stop"
        elif len(request.tokens) >= request.max_tokens or self._held[request.row] + 1 >= self.length:
            finish = "length"
        else:
            return True
        said = self._text(request.tokens), tuple(request.tokens), tuple(request.logprobs)
        _resolve(request, Spoken(*said, finish, self._policy))
        return False

    def _find_enders(self, stops: tuple[str, ...]) -> Container[int]:
        """The tokens with which a text can come to one of `stops`: those with the last character of one in
        them. To look a token up takes less time than to decode the text anew with each.
        """
        last, whole = {stop[-1] for stop in stops}, range(self.network.vocabulary)
        if not all(map(str.isascii, last)):  # a token may have a part of such a character
            return whole
        return frozenset(token for token in whole if last & {*self._text([token])})

    def _stops(self, request: Request) -> bool:
        longest = max((len(stop.encode()) for stop in request.sampling.stop), default=0)
        return request.sampling.stops(self._text(request.tokens[-longest - _SLACK :]))

    def _text(self, tokens: Sequence[int]) -> str:
        said = [token for token in tokens if token != self.end]
        return self.tokenizer.decode(said, skip_special_tokens=False)


def _key(image: ImagePart) -> ViewKey:
    return image.ref.sha256, image.view_width, image.view_height


def _grid(image: ImagePart) -> Grid:
    return 1, image.view_height // PATCH, image.view_width // PATCH


def _tell(request: Request, text: str) -> None:
    if request.on_text and len(text) > request.told and not text.endswith("\ufffd"):
        piece, request.told = text[request.told :], len(text)
        request.future.get_loop().call_soon_threadsafe(request.on_text, piece)


def _resolve(request: Request, outcome: Spoken | Exception) -> None:
    def settle() -> None:
        if request.future.done():
            return
        if isinstance(outcome, Exception):
            request.future.set_exception(outcome)
        else:
            request.future.set_result(outcome)

    request.future.get_loop().call_soon_threadsafe(settle)
