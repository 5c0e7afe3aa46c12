"""Cold start: supervised training of any image-text-to-text model of the Qwen-VL kind on tool-use traces.

`recipe` says what, `dataset` and `encode` turn an export into tokens with a loss mask, `collate` adds the
images, `trainer` sets TRL up, `run` is the whole run from recipe to a folder that `hf:` loads. What always
holds: a model is taught in the very tokens in which it is asked.
"""
