"""`python -m app` is `tideline`."""

import sys

from app.cli import main

sys.exit(main())
