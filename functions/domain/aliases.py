"""Other tools' names for what we call by diffusers' names. Only names with one meaning are here."""

ALIASES = {
    # kohya
    "network_dim": "rank",
    "network_alpha": "lora_alpha",
    "unet_lr": "learning_rate",
    # Replicate
    "lora_rank": "rank",
    "lora_lr": "learning_rate",
    "token_string": "trigger_word",
    # fal, Astria, ai-toolkit, AutoTrain, PEFT, JumpStart
    "steps": "max_train_steps",
    "num_steps": "max_train_steps",
    "max_steps": "max_train_steps",
    "lr": "learning_rate",
    "linear": "rank",
    "linear_alpha": "lora_alpha",
    "lora_rank_dim": "rank",
    "lora_r": "rank",
    "batch_size": "train_batch_size",
    "token": "trigger_word",
    "prior_preservation": "with_prior_preservation",
    "validation_prompts": "sample_prompts",
}
"""Theirs -> ours."""
