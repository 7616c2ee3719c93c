"""An engine whose pages say how it shall misbehave; runs in the supervised child."""

import os
import signal

_calls: list[None] = []


def extract(html: str, **options: object) -> str | None:
    _calls.append(None)
    if "<burn>" in html:
        while True:
            pass
    if "<segfault>" in html:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "<exit>" in html:
        raise SystemExit(0)
    if "<raise>" in html:
        raise ValueError("no such page")
    if "<memory>" in html:
        return "x" * (1 << 40)
    if "<print>" in html:
        print("noise in the answers", flush=True)
    if "<once>" in html and len(_calls) > 2:  # the warm-up is the first call
        os._exit(3)
    if "<nothing>" in html:
        return None
    return html.upper()
