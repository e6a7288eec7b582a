"""Writes a Hugging Face folder in SmolLM2-135M's exact shape with seeded random weights, to be exported and compared.

python3 smol_checkpoint.py FOLDER TOKENIZER_FOLDER
TOKENIZER_FOLDER holds tokenizer.json of at most 49,152 tokens; what it has less is never drawn by a comparison of speed.
"""
import json
import os
import shutil
import struct
import sys

import numpy

LAYERS, WIDTH, INNER, HEADS, KEY_HEADS, VOCABULARY = 30, 576, 1536, 9, 3, 49152


def shapes():
    head = WIDTH // HEADS
    yield "model.embed_tokens.weight", (VOCABULARY, WIDTH)
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        yield prefix + "input_layernorm.weight", (WIDTH,)
        yield prefix + "self_attn.q_proj.weight", (HEADS * head, WIDTH)
        yield prefix + "self_attn.k_proj.weight", (KEY_HEADS * head, WIDTH)
        yield prefix + "self_attn.v_proj.weight", (KEY_HEADS * head, WIDTH)
        yield prefix + "self_attn.o_proj.weight", (WIDTH, HEADS * head)
        yield prefix + "post_attention_layernorm.weight", (WIDTH,)
        yield prefix + "mlp.gate_proj.weight", (INNER, WIDTH)
        yield prefix + "mlp.up_proj.weight", (INNER, WIDTH)
        yield prefix + "mlp.down_proj.weight", (WIDTH, INNER)
    yield "model.norm.weight", (WIDTH,)


folder, tokenizer = sys.argv[1:3]
os.makedirs(folder, exist_ok=True)
for name in os.listdir(tokenizer):
    if "token" in name or name in ("vocab.json", "merges.txt"):
        shutil.copy(os.path.join(tokenizer, name), folder)
config = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": VOCABULARY, "hidden_size": WIDTH,
    "intermediate_size": INNER, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "num_key_value_heads": KEY_HEADS,
    "rms_norm_eps": 1e-5, "max_position_embeddings": 2048, "rope_theta": 100000, "tie_word_embeddings": True,
    "hidden_act": "silu", "torch_dtype": "float32", "bos_token_id": 1, "eos_token_id": 2,
}
with open(os.path.join(folder, "config.json"), "w") as file:
    json.dump(config, file)
header, offset = {}, 0
for name, shape in shapes():
    size = 4 * int(numpy.prod(shape))
    header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [offset, offset + size]}
    offset += size
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
numbers = numpy.random.default_rng(1)
with open(os.path.join(folder, "model.safetensors"), "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text)
    for name, shape in shapes():
        weight = numbers.standard_normal(shape, dtype=numpy.float32) / numpy.float32(shape[-1] ** 0.5)
        file.write((numpy.ones(shape, numpy.float32) if len(shape) == 1 else weight).tobytes())
