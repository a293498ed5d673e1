"""Lets our analyzer and its peers take turns and prints a table of ratios. See `run`."""

import argparse
import datetime
import glob
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--tickets", type=int, default=96, help="tickets of a round")
parser.add_argument("--rounds", type=int, default=5, help="rounds; every contestant has its turn in each")
parser.add_argument("--budget", type=float, default=540, help="seconds after which no round is begun")
parser.add_argument("--write", metavar="FILE", help="replace the section `## Analyzer` of this file")
parser.add_argument("--model-dir", default=".local/minilm-l6-v2")
args = parser.parse_args()

target = os.environ.get("CARGO_TARGET_DIR", "target")
worker = os.path.join(target, "release", "analyzer-worker")
work_dir = tempfile.mkdtemp(prefix="bench-analyzer-")
texts_file = os.path.join(work_dir, "texts.jsonl")

# The labelled tickets, a sample that is always the same.
lines = []
for path in sorted(glob.glob("analyzer-worker/training/*.jsonl")):
    with open(path, encoding="utf-8") as file:
        lines += [json.loads(line) for line in file if line.strip()]
random.Random(1).shuffle(lines)
with open(texts_file, "w", encoding="utf-8") as file:
    for line in lines[: args.tickets]:
        file.write(json.dumps({key: line[key] for key in ("description", "request_type")}) + "\n")


class Contestant:
    def __init__(self, name, command):
        environment = {
            **os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "RUST_LOG": "error",
            # As the service is started: see ALLOCATOR in local-stack.
            "MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TRIM_THRESHOLD_": "1073741824",
            "MALLOC_TOP_PAD_": "67108864",
        }
        self.name = name
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
            stderr=open(os.path.join(work_dir, name + ".err"), "w"),
        )
        self.ready = self.read()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.name} ended: see {work_dir}/{self.name}.err")
        return json.loads(line)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.read()

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


contestant = os.path.join(os.path.dirname(__file__), "contestant.py")
python = lambda kind: Contestant(kind, [sys.executable, contestant, kind, args.model_dir, texts_file, work_dir])
ours = lambda precision: Contestant("ours-" + precision, [
    worker, "measure", "--texts", texts_file, "--model-dir", args.model_dir, "--precision", precision])

# Whole numbers need AVX-512 VNNI: elsewhere ours refuses them.
formats = ["bf16", "f32"] + (["int8"] if "avx512_vnni" in open("/proc/cpuinfo").read().split() else [])
print("bench-analyzer: loading", flush=True)
loaded = {c.name: c for c in [
    *(ours(format) for format in formats), python("torch-fp32"), python("torch-bf16"), python("onnx-fp32"), python("onnx-int8")]}
own = [f"ours-{format}" for format in formats]
turns = [(name, f"{verb} {count}") for name in own for verb in ("embed", "analyze") for count in (1, 16)] + [
    ("torch-fp32", "embed 1"), ("torch-fp32", "embed 8"), ("torch-bf16", "embed 1"), ("torch-bf16", "embed 8"),
    ("onnx-fp32", "embed 1"), ("onnx-fp32", "embed 8"), ("onnx-int8", "embed 1"), ("onnx-int8", "embed 8"),
]
seconds, p50, p99, limits = {}, {}, {}, {name: [] for name in own}
started = time.monotonic()
rounds = 0
for number in range(args.rounds):
    if number and time.monotonic() - started > args.budget:
        break
    random.shuffle(turns)
    for name, what in turns:
        answer = loaded[name].ask(what)
        seconds.setdefault((name, what), []).append(answer["seconds"])
        p50.setdefault((name, what), []).append(answer["p50"])
        p99.setdefault((name, what), []).append(answer["p99"])
    for name in limits:
        limits[name].append(loaded[name].ask("limit")["flops"])
    rounds += 1
    print(f"bench-analyzer: round {rounds} of {args.rounds}", flush=True)
pieces, tickets = (loaded[own[0]].ready[what] for what in ("pieces", "tickets"))
rate = {key: tickets / statistics.median(values) for key, values in seconds.items()}
best = lambda name, verb: max(value for (n, what), value in rate.items() if n == name and what.startswith(verb))
faster = max(own, key=lambda name: best(name, "analyze"))
analyze, embed = best(faster, "analyze"), best(faster, "embed")
# Memory first: to compare, ours loads another model.
resident = loaded[faster].ask("memory")["resident"]
sameness = {name: loaded[name].ask("sameness") for name in own if name != "ours-f32"}
for c in loaded.values():
    c.stop()

# Multiplications and additions of the six layers: four square matrices of 384 and two of 384 by 1536 for each piece.
operations = pieces / tickets * 6 * 2 * (4 * 384 * 384 + 2 * 384 * 1536)
limit = max(max(each) for each in limits.values()) / operations


def row(what, value, goal, floor):
    verdict = "reached" if value >= goal else "above the floor" if value >= floor else "**missed**"
    return f"| {what} | {value:.2f} | {goal} | {floor} | {verdict} |"


table = [
    "## Analyzer", "",
    f"`make bench-analyzer`, {datetime.date.today()}: {tickets} tickets of `analyzer-worker/training` "
    f"({pieces / tickets:.0f} word pieces on average), one thread each, {rounds} interleaved rounds, medians. "
    f"Load average of the machine at the end: {os.getloadavg()[0]:.1f}. Processor: "
    + ", ".join(flag for flag in ("avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16")
                if flag in open("/proc/cpuinfo").read().split()) + ".", "",
    "| contestant | one at a time, tickets/s | p50 / p99 ms | in batches, tickets/s |", "| --- | --- | --- | --- |",
]
for name, verb, batch in [(name, verb, 16) for name in own for verb in ("analyze", "embed")] + [
    ("torch-fp32", "embed", 8), ("torch-bf16", "embed", 8), ("onnx-fp32", "embed", 8), ("onnx-int8", "embed", 8),
]:
    single, many = (name, f"{verb} 1"), (name, f"{verb} {batch}")
    what = "whole analysis" if verb == "analyze" else "embedding only"
    table.append(
        f"| {name}, {what} | {rate[single]:.1f} | {statistics.median(p50[single]):.1f} / "
        f"{statistics.median(p99[single]):.1f} | {rate[many]:.1f} |")
table += [
    "", f"Ours is {faster} below, the whole analysis unless it says otherwise; the peers only embed.", "",
    "| ratio | here | goal | floor | |", "| --- | --- | --- | --- | --- |",
    row("Python transformers fp32, one at a time", analyze / rate["torch-fp32", "embed 1"], 3, 2),
    row("Python transformers bf16, its best batch", analyze / best("torch-bf16", "embed"), 1.2, 0.9),
    row("onnxruntime fp32, its best", analyze / best("onnx-fp32", "embed"), 2.5, 2),
    row("onnxruntime dynamic int8, its best", analyze / best("onnx-int8", "embed"), 1.1, 0.9),
    row("our embedding alone", analyze / embed, 0.75, 0.6),
    row("the processor's limit (libtorch's largest multiplication, the fastest format): embedding", embed / limit, 0.45, 0.3),
    "", "Beside f32: " + "; ".join(
        f"{name} has embeddings of cosine {same['mean']:.5f} on average and {same['least']:.5f} at least, and decides "
        f"{same['others']} of {same['decisions']} questions otherwise" for name, same in sameness.items()) + ". "
    f"Resident memory of {faster} after the run: {resident / 1e6:.0f} MB.",
]
text = "\n".join(table) + "\n"
print(text)
if args.write:
    before, after = "", ""
    if os.path.exists(args.write):
        whole = open(args.write, encoding="utf-8").read()
        before, _, rest = whole.partition("## Analyzer\n")
        _, mark, tail = rest.partition("\n## ")
        after = mark + tail
        before = before.rstrip("\n") + "\n\n"
    with open(args.write, "w", encoding="utf-8") as file:
        file.write(before + text + after)
