"""Adds to the laptop's layer what Lambda's Python 3.11 has no wheels for, and a newer Linux has.

``sam build`` takes the wheels that run on Lambda. Those of the content credentials need a newer
Linux than that of Lambda's Python 3.11; from 3.12 on the layer has them. A laptop with Python 3.11
has the newer Linux, so its layer gets them too: its doors then read what a stack of the template's
own default reads.
"""

import re
import subprocess
import sys
from pathlib import Path

LAYER = Path(".aws-sam", "build", "FacesLayer", "python")
REQUIREMENTS = Path("layers", "faces", "requirements.txt")

_PIN = re.compile(r'(?P<name>[a-z0-9-]+)==(?P<version>[0-9.]+); python_version (?P<when>[<>=]+) "3')


def add_newer_wheels(root: Path) -> None:
    """Install them into the layer that was built below ``root``; nothing from Python 3.12 on.

    A release from before this layer has no requirements of it.

    Raises:
        CalledProcessError: pip could not install one.
    """
    requirements = root / REQUIREMENTS
    if sys.version_info >= (3, 12) or not requirements.is_file():
        return
    if pins := left_out(requirements.read_text()):
        target = ("--target", str(root / LAYER), "--upgrade", "--no-compile", "--quiet")
        subprocess.run([sys.executable, "-m", "pip", "install", *target, *pins], check=True)


def left_out(requirements: str) -> list[str]:
    r"""Return the pins for newer Pythons of packages that older ones go without.

    >>> left_out('a==1; python_version < "3.12"\na==2; python_version >= "3.12"')
    []
    >>> left_out('# b\nb==2.1; python_version >= "3.12"')
    ['b==2.1']
    """
    pins = [found for line in requirements.splitlines() if (found := _PIN.match(line))]
    older = {pin["name"] for pin in pins if pin["when"].startswith("<")}
    return [f"{pin['name']}=={pin['version']}" for pin in pins if pin["name"] not in older]
