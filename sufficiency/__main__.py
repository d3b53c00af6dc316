"""``python -m sufficiency``."""

from sufficiency.cli import main

raise SystemExit(main())
