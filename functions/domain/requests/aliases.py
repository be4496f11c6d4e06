"""Field names of other tools, and our name (diffusers') for each. Only unambiguous names."""

ALIASES = {
    # kohya
    "network_dim": "rank",
    "network_alpha": "lora_alpha",
    "unet_lr": "learning_rate",
    "network_dropout": "lora_dropout",
    "min_snr_gamma": "snr_gamma",
    "max_train_epochs": "num_train_epochs",
    "sample_every_n_steps": "validation_steps",
    "masked_loss": "use_masks",
    # Replicate
    "lora_rank": "rank",
    "lora_lr": "learning_rate",
    "token_string": "trigger_word",
    # the personalised-avatar guidance
    "n_steps": "max_train_steps",
    "concept_prompt": "instance_prompt",
    "lora_text_encoder_r": "text_encoder_rank",
    "lora_text_encoder_alpha": "text_encoder_alpha",
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
    "sample_every": "validation_steps",
    "gradient_accumulation": "gradient_accumulation_steps",
    "create_masks": "use_masks",
    "token": "trigger_word",
    "prior_preservation": "with_prior_preservation",
    "validation_prompts": "sample_prompts",
}
"""Name in another tool -> our name."""
