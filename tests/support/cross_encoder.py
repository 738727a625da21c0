"""A real cross-encoder in ONNX, a few kilobytes: how many pairs of equal words question and passage have.

It runs in FastEmbed as a trained one does; only its judgment is simpler.
"""

from __future__ import annotations

import json
from pathlib import Path

_LONGEST = 512
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def make(folder: Path, vocabulary: str) -> Path:
    """Write model.onnx and its tokenizer, which knows the words of `vocabulary`; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    _tokenizer(folder, vocabulary)
    _model(folder / "model.onnx")
    (folder / "config.json").write_text(json.dumps({"pad_token_id": 0}), "utf-8")
    configured = {"model_max_length": _LONGEST, "pad_token": "[PAD]"}
    (folder / "tokenizer_config.json").write_text(json.dumps(configured), "utf-8")
    (folder / "special_tokens_map.json").write_text(json.dumps({"pad_token": "[PAD]", "unk_token": "[UNK]"}), "utf-8")
    return folder


def _tokenizer(folder: Path, vocabulary: str) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.normalizers import Lowercase
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing

    words = [*_SPECIAL, *sorted(set(vocabulary.lower().split()))]
    tokenizer = Tokenizer(WordLevel({word: n for n, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = Lowercase()
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))


def _model(path: Path) -> None:
    """Logit = 4 · pairs of one known word in the question and the same in the passage, less 2."""
    from onnx import TensorProto, checker, helper, save

    def tensor(name: str, *values: float, kind: int = TensorProto.FLOAT) -> TensorProto:
        return helper.make_tensor(name, kind, [len(values)], values)

    integers = {"last": 2, "middle": 1, "specials": len(_SPECIAL) - 1}
    constants = [tensor(name, value, kind=TensorProto.INT64) for name, value in integers.items()]
    constants += [tensor("four", 4.0), tensor("two", 2.0), tensor("axes", 1, 2, kind=TensorProto.INT64)]
    steps = [
        ("Unsqueeze", ("input_ids", "last"), "down"),
        ("Unsqueeze", ("input_ids", "middle"), "across"),
        ("Equal", ("down", "across"), "alike"),
        ("Greater", ("down", "specials"), "known"),
        ("Unsqueeze", ("token_type_ids", "last"), "side"),
        ("Unsqueeze", ("token_type_ids", "middle"), "other_side"),
        ("Less", ("side", "other_side"), "apart"),
        ("And", ("alike", "known"), "same_word"),
        ("And", ("same_word", "apart"), "pair"),
    ]
    nodes = [helper.make_node(kind, list(given), [name]) for kind, given, name in steps]
    nodes += [
        helper.make_node("Cast", ["pair"], ["counted"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["counted", "axes"], ["summed"], keepdims=0),
        helper.make_node("Mul", ["summed", "four"], ["scaled"]),
        helper.make_node("Sub", ["scaled", "two"], ["logit"]),
        helper.make_node("Unsqueeze", ["logit", "middle"], ["logits"]),
    ]
    shape = ["batch", "length"]
    graph = helper.make_graph(
        nodes,
        "pairs",
        [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in ("input_ids", "token_type_ids")],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 1])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    checker.check_model(model)
    save(model, str(path))
