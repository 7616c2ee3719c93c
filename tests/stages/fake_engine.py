"""An engine whose pages say how it shall misbehave; runs in the supervised child."""

import os
import signal

_calls = 0


def extract(html: str, **options: object) -> str | None:
    global _calls
    _calls += 1
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
    if "<once>" in html and _calls > 2:  # the warm-up is the first call
        os._exit(3)
    if "<nothing>" in html:
        return None
    return html.upper()
