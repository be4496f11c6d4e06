"""Programs on PATH in place of docker and aws, which remember what they were asked.

docker keeps the tags that it built and pushes them into the registry, from which aws answers.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAM = """#!{python}
import hashlib, json, sys
from pathlib import Path

state_file, name, words = Path({state!r}), {name!r}, sys.argv[1:]
state = json.loads(state_file.read_text())
state["calls"].append([name, *words])
state_file.write_text(json.dumps(state))

def end(text="", error="", status=0):
    state_file.write_text(json.dumps(state))
    sys.stdout.write(text)
    sys.stderr.write(error)
    sys.exit(status)

def option(flag):
    return words[words.index(flag) + 1]

if name in state["broken"]:
    end(error=f"{{name}}: cannot connect to the daemon\\n", status=1)
if name != "aws":
    if words[0] == "build":
        tags = [word.removeprefix("--tag=") for word in words if word.startswith("--tag=")]
        state["built"] += tags
        end(status=int(state["fails_at"] in " ".join(words)) if state["fails_at"] else 0)
    if words[0] == "push":
        repository, _, tag = words[1].rpartition("/")[2].partition(":")
        digest = "sha256:" + hashlib.sha256(tag.encode()).hexdigest()
        state["registry"][f"{{repository}}:{{tag}}"] = digest
    if words[0] == "cp":
        Path(words[2]).mkdir(parents=True)
        Path(words[2], "sbom.cdx.json").write_text("{{}}")
    end("container\\n" if words[0] == "create" else "")
if "get-login-password" in words:
    end("secret\\n")
if "describe-images" in words:
    tag = option("--image-ids").removeprefix("imageTag=")
    digest = state["registry"].get(option("--repository-name") + ":" + tag)
    if digest is None:
        end(error="An error occurred (ImageNotFoundException)\\n", status=254)
    end(json.dumps({{"imageDetails": [{{"imageDigest": digest}}]}}))
if "put-parameter" in words:
    state["parameters"][option("--name")] = option("--value")
    end()
end(error=f"unknown: {{words}}\\n", status=2)
"""


@dataclass(frozen=True)
class Builders:
    """A folder of programs for PATH, and their memory."""

    folder: Path

    @classmethod
    def install(cls, folder: Path, *names: str, **state: Any) -> "Builders":
        """Write the programs; ``broken`` names those that do not answer."""
        folder.mkdir()
        start: dict[str, Any] = {"calls": [], "built": [], "registry": {}, "parameters": {}}
        defaults = {"broken": [], "fails_at": ""}
        (folder / "state.json").write_text(json.dumps({**start, **defaults, **state}))
        for name in names:
            text = PROGRAM.format(
                python=sys.executable, state=str(folder / "state.json"), name=name
            )
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        return cls(folder)

    def __getitem__(self, name: str) -> Any:
        return json.loads((self.folder / "state.json").read_text())[name]

    def commands(self, program: str) -> list[str]:
        """Return the first words that a program was called with."""
        return [call[1] for call in self["calls"] if call[0] == program]

    def forget_calls(self) -> None:
        """Empty the list of calls; what is built and pushed stays."""
        state = json.loads((self.folder / "state.json").read_text())
        (self.folder / "state.json").write_text(json.dumps({**state, "calls": []}))
