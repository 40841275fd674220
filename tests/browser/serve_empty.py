"""A whole web process with nobody in it yet: prints the set-up link, then serves."""

from __future__ import annotations

import os
import sys

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tocsin.settings")
    django.setup()
    from tocsin import clock
    from tocsin.accounts.operations_tokens import make_setup_link

    print(make_setup_link(clock.now()), flush=True)
    from tocsin.cli.web import main

    main("127.0.0.1", int(sys.argv[1]))
