"""The database of the test, through Litewire, as Django's settings name it."""

import os

POSTGRESQL = {
    "ENGINE": "django.db.backends.postgresql",
    "HOST": os.environ["PGHOST"],
    "PORT": os.environ["PGPORT"],
    "USER": os.environ["PGUSER"],
    "NAME": os.environ["PGDATABASE"],
    "OPTIONS": {"options": "-c litewire.dialect=postgres"},
    # Transaction pooling: a cursor that outlives its transaction has no backend of its own.
    "DISABLE_SERVER_SIDE_CURSORS": True,
}
