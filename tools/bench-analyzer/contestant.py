"""A contestant of `make bench-analyzer`: one Python stack with the same model, texts and threads.

Loads once, then answers each line `embed N` on standard input with the seconds that embedding all texts takes, N at a time.
Usage: contestant.py (torch-fp32 | torch-bf16 | onnx-fp32 | onnx-int8) MODEL_DIR TEXTS WORK_DIR
"""

import json
import os
import sys
import time

kind, model_dir, texts_file, work_dir = sys.argv[1:]
os.environ.update(OMP_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false", HF_HUB_OFFLINE="1")

import torch
from transformers import BertConfig, BertModel, BertTokenizerFast

torch.set_num_threads(1)
torch.set_num_interop_threads(1)
MAX_TOKENS = 256

texts = [json.loads(line)["description"] for line in open(texts_file, encoding="utf-8")]
tokenizer = BertTokenizerFast(os.path.join(model_dir, "vocab.txt"), do_lower_case=True)


def load_torch(dtype):
    from safetensors.torch import load_file

    model = BertModel(BertConfig.from_json_file(os.path.join(model_dir, "config.json")), add_pooling_layer=False)
    weights = load_file(os.path.join(model_dir, "model.safetensors"))
    model.load_state_dict({name: value for name, value in weights.items() if name in model.state_dict()})
    return model.eval().to(dtype)


def tokens(batch):
    return tokenizer(batch, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")


def pooled(hidden, mask):
    mask = mask.unsqueeze(-1).float()
    mean = (hidden.float() * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
    return torch.nn.functional.normalize(mean, dim=1)


def torch_embedder(dtype):
    model = load_torch(dtype)

    def embed(batch):
        given = tokens(batch)
        with torch.inference_mode():
            return pooled(model(**given).last_hidden_state, given["attention_mask"])

    return embed


def export(path):
    model = load_torch(torch.float32)
    given = tokens(["a text", "another, longer text"])
    names = ["input_ids", "attention_mask", "token_type_ids"]
    axes = {name: {0: "batch", 1: "length"} for name in [*names, "hidden"]}
    torch.onnx.export(
        model, tuple(given[name] for name in names), path, input_names=names, output_names=["hidden"],
        dynamic_axes=axes, opset_version=14,
    )


def onnx_embedder(int8):
    import onnxruntime

    exact, small = os.path.join(work_dir, "minilm.onnx"), os.path.join(work_dir, "minilm-int8.onnx")
    if not os.path.exists(exact):
        export(exact)
    if int8 and not os.path.exists(small):
        from onnxruntime.quantization import QuantType, quantize_dynamic

        quantize_dynamic(exact, small, weight_type=QuantType.QInt8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(small if int8 else exact, options, providers=["CPUExecutionProvider"])

    def embed(batch):
        given = tokens(batch)
        feed = {name: given[name].numpy() for name in ["input_ids", "attention_mask", "token_type_ids"]}
        return pooled(torch.from_numpy(session.run(None, feed)[0]), given["attention_mask"])

    return embed


embed = {
    "torch-fp32": lambda: torch_embedder(torch.float32),
    "torch-bf16": lambda: torch_embedder(torch.bfloat16),
    "onnx-fp32": lambda: onnx_embedder(False),
    "onnx-int8": lambda: onnx_embedder(True),
}[kind]()
print(json.dumps({"ready": True, "tickets": len(texts)}), flush=True)

for line in sys.stdin:
    verb, size = line.split()
    assert verb == "embed"
    each = []
    started = time.perf_counter()
    for start in range(0, len(texts), int(size)):
        since = time.perf_counter()
        embed(texts[start : start + int(size)])
        each.append((time.perf_counter() - since) * 1e3)
    seconds = time.perf_counter() - started
    each.sort()
    at = lambda share: each[min(int(len(each) * share), len(each) - 1)]
    print(json.dumps({"seconds": seconds, "p50": at(0.5), "p99": at(0.99)}), flush=True)
