"""What a base is: its text, its denoiser, its schedule, its latent codec. One module a kind."""
