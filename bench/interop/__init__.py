"""Our adapter files, loaded by the code of kohya's scripts, A1111 and ComfyUI, and by older peft.

``make interop A1111=... COMFYUI=... KOHYA=...`` names checkouts of these tools. Their code runs in
an environment of its own, with transformers 4. It reads the files of an adapter and merges them
into a base. Two bases stand for each family: one of the real size without values, for the names,
and a tiny one that draws. Nothing of these tools is kept here.
"""
