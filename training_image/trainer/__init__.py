"""From photos to an adapter, in the order in which it happens.

job      reads a plan, opens the base once and runs task after task
plan     what a request and a base mean together: steps, rates, sizes
base     the base model: checked against its hash, then loaded; families: what SD 1, 2 and XL do
         differently
photos   square crops and their latents;  prior: class images, made once for everybody
lora     the adapter inside the networks;  loss: noise, targets, weights
loop     the steps;  checkpoint: what a later attempt needs to go on
sampling pictures from fixed seeds;  gate and judge: is it the subject, and is the class unharmed
export   the files of an adapter;  outcome: result.json, failures, metrics lines
"""
