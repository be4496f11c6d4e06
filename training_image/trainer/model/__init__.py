"""The base model, the LoRA layers in it, and sampling."""
