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
    "num_train_steps": "max_train_steps",
    "max_steps": "max_train_steps",
    "epochs": "num_train_epochs",
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
    "import": "adapter_file",
    "prior_preservation": "with_prior_preservation",
    "validation_prompts": "sample_prompts",
}
"""Name in another tool -> our name."""

RUN_ALIASES = {
    # SageMaker's SDK before version 2
    "train_instance_type": "instance_type",
    "train_use_spot_instances": "use_spot_instances",
    "train_max_run": "max_run",
    "train_volume_size": "volume_size",
    # SageMaker's SDK from version 3
    "enable_managed_spot_training": "use_spot_instances",
    "max_runtime_in_seconds": "max_run",
    "volume_size_in_gb": "volume_size",
    # CreateTrainingJob
    "InstanceType": "instance_type",
    "EnableManagedSpotTraining": "use_spot_instances",
    "MaxRuntimeInSeconds": "max_run",
    "VolumeSizeInGB": "volume_size",
}
"""Name of SageMaker's in ``run`` -> our name."""
