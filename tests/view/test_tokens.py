"""Token numbers become text where a tokenizer is on this disk, and stay numbers where none is."""

from pathlib import Path

import pytest

pytest.importorskip("tokenizers")

from deepeyes.core.errors import InputError
from deepeyes.view.tokens import Tokenizers

WEIGHTS = Path(__file__).parents[2] / "src" / "deepeyes" / "models" / "nano" / "weights"


def test_every_embedded_model_has_the_same_tokenizer() -> None:
    files = {path.read_bytes() for path in WEIGHTS.glob("*/tokenizer.json")}
    assert len(files) == 1


def test_the_tokens_of_nano_are_text() -> None:
    from tokenizers import Tokenizer

    ids = Tokenizer.from_file(str(WEIGHTS / "base" / "tokenizer.json")).encode("<think>I see.").ids
    for model in ("nano", "nano-base", f"nano:{WEIGHTS / 'cold'}", f"hf:{WEIGHTS / 'cold'}"):
        pieces = Tokenizers().pieces(model, ids)
        assert pieces is not None and len(pieces) == len(ids) and "".join(pieces) == "<think>I see."


@pytest.mark.parametrize(
    "model", ["openai:gpt@https://x/v1", "hf:Qwen/Qwen2.5-VL-7B-Instruct", "", "scripted"]
)
def test_of_other_models_nobody_knows(model: str) -> None:
    assert Tokenizers().pieces(model, [1]) is None


def test_a_given_tokenizer_is_used_for_all(tmp_path: Path) -> None:
    given = Tokenizers(WEIGHTS / "cold")
    given.check()
    assert given.pieces("openai:gpt@https://x/v1", [1]) == Tokenizers().pieces("nano", [1])
    with pytest.raises(InputError, match=r"give a folder with a tokenizer.json"):
        Tokenizers(tmp_path).check()


def test_a_broken_tokenizer_of_a_model_costs_the_text_only(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{")
    assert Tokenizers().pieces(f"hf:{tmp_path}", [1]) is None
