"""Many conversations, one small model: a worker thread that reads what is new and decodes all rows in step.

Requests come from any event loop; the thread takes what is waiting, reads it in one batch, then adds one
token to every row that is speaking, and so on. A new request joins at the next step, so nobody waits for the
slowest.
"""

import asyncio
import queue
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from tokenizers import Tokenizer
from torch.nn.utils.rnn import pad_sequence

from deepeyes.core.sampling import Sampling

from .cache import positions
from .network import Network
from .sampler import distribution
from .size import MERGE

Grid = tuple[int, int, int]

_SLACK = 3
"""Stop strings are looked for in as many last tokens as the longest has bytes, and in so many more: what is
left of a character that is half written when they begin takes up to three.
"""


@dataclass(eq=False)
class Request:
    """Read `ids` (with the patches of their images) into `row`, then speak."""

    row: int
    ids: list[int]
    pixels: list[torch.Tensor]
    grids: list[Grid]
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
    generator: torch.Generator | None = None
    cancelled: bool = False


@dataclass(frozen=True)
class Spoken:
    """What a request said. `text` is that of `tokens`, which end with `<|im_end|>`, or with the token that
    completes a stop string (and may write more than the rest of it), or where there was no more room.
    """

    text: str
    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    finish: str


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
        self._held = torch.zeros(rows, dtype=torch.long)
        self._next = torch.zeros(rows, dtype=torch.long)
        added = tokenizer.get_added_tokens_decoder()
        special = [token for token, about in added.items() if about.special]
        unused = range(tokenizer.get_vocab_size(), network.vocabulary)
        self._banned = torch.tensor([*(token for token in special if token != self.end), *unused])
        self._met = torch.zeros(rows, network.vocabulary, dtype=torch.bool)
        """(rows, vocabulary): the tokens that a row's conversation holds, for the repetition penalty."""
        self._queue: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def held(self, row: int) -> int:
        """How many tokens `row` holds."""
        return int(self._held[row])

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
                    read = self._read(fresh)
                    logits = torch.cat([logits, read]) if before else read
                speaking = self._choose(speaking, logits)
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

    def _read(self, requests: Sequence[Request]) -> torch.Tensor:
        """Prefill: the logits (requests, vocabulary) after each request's last token."""
        rows = torch.tensor([request.row for request in requests])
        chunks = [torch.tensor(request.ids) for request in requests]
        lengths = torch.tensor([len(chunk) for chunk in chunks])
        ids = pad_sequence(chunks, batch_first=True)
        places = torch.zeros(3, *ids.shape, dtype=torch.long)
        for index, request in enumerate(requests):
            row, size = request.row, len(request.ids)
            if request.first:  # only this thread knows that nobody before it still decodes in the row
                self._held[row] = self._next[row] = 0
                self._met[row] = False
            begin = int(self._next[row])
            places[:, index, :size], after = positions(
                request.ids, request.grids, begin, self.image_token, MERGE
            )
            self._next[row] = after
            self._met[row, chunks[index]] = True
        embedded = self.network.embed(ids)
        pixels = [patches for request in requests for patches in request.pixels]
        if pixels:
            grids = [grid for request in requests for grid in request.grids]
            seen = self.network.see(torch.cat(pixels), grids)
            live = torch.arange(ids.shape[1])[None] < lengths[:, None]
            embedded = embedded.masked_scatter(((ids == self.image_token) & live)[..., None], seen)
        held = self._held[rows]
        at = held[:, None] + torch.arange(ids.shape[1])
        hidden = self._forward(rows, embedded, places, at.clamp(max=self.length - 1))
        self._held[rows] = held + lengths
        return self.network.logits(hidden[torch.arange(len(requests)), lengths - 1])

    def _step(self, requests: Sequence[Request]) -> torch.Tensor:
        """Feed every request its last token: the logits (requests, vocabulary) that follow."""
        rows = torch.tensor([request.row for request in requests])
        embedded = self.network.embed(torch.tensor([[request.tokens[-1]] for request in requests]))
        places = self._next[rows].expand(3, 1, -1).transpose(1, 2)
        hidden = self._forward(rows, embedded, places, self._held[rows][:, None])
        self._held[rows] += 1
        self._next[rows] += 1
        return self.network.logits(hidden[:, 0])

    def _forward(
        self, rows: torch.Tensor, embedded: torch.Tensor, places: torch.Tensor, at: torch.Tensor
    ) -> torch.Tensor:
        upto = int(at.max()) + 1
        mask = (torch.arange(upto)[None, None] <= at[:, :, None])[:, None]
        self._cache.begin(rows, at, upto)
        return self.network.think(embedded, places, mask, self._cache)

    def _choose(self, requests: Sequence[Request], logits: torch.Tensor) -> list[Request]:
        """Take every request's next token from `logits` (requests, vocabulary); those that speak on."""
        met = self._met[torch.tensor([request.row for request in requests])]
        allowed = logits.index_fill(1, self._banned, -torch.inf)
        logprobs = distribution(allowed, [request.sampling for request in requests], met)
        tokens = logprobs.argmax(-1).tolist()
        for k, request in enumerate(requests):
            if request.sampling.temperature > 0:
                request.generator = request.generator or torch.Generator().manual_seed(request.seed)
                tokens[k] = int(torch.multinomial(logprobs[k].exp(), 1, generator=request.generator))
        chosen = logprobs[torch.arange(len(tokens)), torch.tensor(tokens)].tolist()
        return [
            r
            for r, token, logprob in zip(requests, tokens, chosen, strict=True)
            if self._add(r, token, logprob)
        ]

    def _add(self, request: Request, token: int, logprob: float) -> bool:
        """Add a token to what the request has said; False once it has finished."""
        if request.cancelled:
            return False
        request.tokens.append(token)
        self._met[request.row, token] = True
        request.logprobs.append(logprob)
        if request.on_text:
            _tell(request, self._text(request.tokens))
        longest = max((len(stop.encode()) for stop in request.sampling.stop), default=0)
        tail = self._text(request.tokens[-longest - _SLACK :])
        if token == self.end or request.sampling.stops(tail):
            finish = "stop"
        elif len(request.tokens) >= request.max_tokens or self._held[request.row] + 1 >= self.length:
            finish = "length"
        else:
            return True
        said = self._text(request.tokens), tuple(request.tokens), tuple(request.logprobs)
        _resolve(request, Spoken(*said, finish))
        return False

    def _text(self, tokens: Sequence[int]) -> str:
        said = [token for token in tokens if token != self.end]
        return self.tokenizer.decode(said, skip_special_tokens=False)


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
