"""`python -m course_lib.claims [--check]`."""

import sys

from course_lib.claims.ledger import main

sys.exit(main())
