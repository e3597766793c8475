"""Django moves from SQLite to PostgreSQL: its own migrations make both schemas, `litewire migrate --data-only` brings the rows.

move.py fill FILE     makes the SQLite file, with rows
move.py prepare       makes the schema on PostgreSQL
move.py compare FILE  reads every row of both by the ORM, which must be equal, and goes on writing
"""

import datetime
import decimal
import sys
import uuid

import django
from database import POSTGRESQL
from django.conf import settings

TASK, FILE = sys.argv[1], (sys.argv[2] if len(sys.argv) > 2 else None)
SQLITE = {"ENGINE": "django.db.backends.sqlite3", "NAME": FILE}
settings.configure(
    SECRET_KEY="for a test",
    USE_TZ=True,
    TIME_ZONE="Europe/Warsaw",
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "archive",
    ],
    DATABASES={"default": SQLITE if TASK == "fill" else POSTGRESQL, "old": SQLITE if FILE else POSTGRESQL},
    SILENCED_SYSTEM_CHECKS=["admin.E403", "admin.E408", "admin.E409", "admin.E410"],
)
django.setup()

from archive.models import Label, Labelling, Record  # noqa: E402
from django.apps import apps  # noqa: E402
from django.contrib.admin.models import CHANGE, LogEntry  # noqa: E402
from django.contrib.auth.models import Group, Permission, User  # noqa: E402
from django.contrib.contenttypes.models import ContentType  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.core.management import call_command  # noqa: E402

WARSAW = datetime.timezone(datetime.timedelta(hours=2))


def fill():
    call_command("migrate", verbosity=0)
    root = User.objects.create_superuser("root", "root@example.com", "secret")
    User.objects.create_user("żółw", last_login=datetime.datetime(2024, 3, 31, 2, 30, tzinfo=WARSAW)).delete()
    staff = User.objects.create_user("żółw", first_name="Ż", is_active=False)
    group = Group.objects.create(name="readers")
    group.permissions.set(Permission.objects.filter(codename__startswith="view_"))
    staff.groups.add(group)
    labels = [Label.objects.create(name=f"label-{n}") for n in range(5)]
    records = []
    for n in range(60):
        record = Record.objects.create(
            key=uuid.UUID(int=n * 2**64 + 7),
            parent=records[n // 3] if n else None,
            owner=[None, root, staff][n % 3],
            title=f"Record {n} 日本 '\"\\",
            text=["", "line\nbreak\ttab", "😀 " * n][n % 3],
            public=n % 2 == 0,
            checked=[None, True, False][n % 3],
            size=[0, 2**62, -(2**63), 2**63 - 1][n % 4],
            rank=n if n % 5 else None,
            price=decimal.Decimal([0, 12, "-0.0001", "99999999.9999", "0.1"][n % 5]),
            ratio=[0.0, 0.1, -1e300, 5e-324, 3][n % 5],
            facts=[{}, [], False, "text", {"a": [1, 2.5, None, {"ż": True}], "b": ""}, 7][n % 6],
            made=datetime.datetime(2024, 1, 1 + n % 28, n % 24, 0, n % 60, [0, 1, 999999, 120000][n % 4], tzinfo=WARSAW),
            day=datetime.date(1900 + n, 2, 28) if n % 4 else None,
            at=datetime.time(n % 24, 59, 1, 5 * n) if n % 3 else None,
            took=datetime.timedelta(days=n - 30, microseconds=n) if n % 2 else None,
            content=bytes(range(n)) if n % 2 else None,
            address=[None, "10.0.0.1", "2001:db8::7"][n % 3],
        )
        records.append(record)
        Labelling.objects.create(record=record, label=labels[n % 5], since=record.made)
        record.related.add(*records[max(0, n - 2) : n])
    LogEntry.objects.create(
        user=root,
        content_type=ContentType.objects.get_for_model(Record),
        object_id=str(records[0].pk),
        object_repr="Record",
        action_flag=CHANGE,
        change_message='[{"changed": {"fields": ["title"]}}]',
    )
    session = SessionStore()
    session["cart"] = [1, 2]
    session.save()


def rows(model, database):
    names = [field.attname for field in model._meta.concrete_fields]
    plain = lambda value: bytes(value) if isinstance(value, memoryview) else value  # noqa: E731
    return [tuple(map(plain, row)) for row in model._base_manager.using(database).order_by("pk").values_list(*names)]


def compare():
    total = 0
    for model in apps.get_models(include_auto_created=True):
        ours, theirs = rows(model, "old"), rows(model, "default")
        assert list(map(repr, ours)) == list(map(repr, theirs)), (model, [pair for pair in zip(ours, theirs) if repr(pair[0]) != repr(pair[1])][:2])
        total += len(ours)
    assert total > 300, total
    record = Record.objects.get(title__startswith="Record 7 ")
    assert record.parent.parts.count() == 3 and record.related.count() == 4 and record.labels.get().name == "label-2"
    assert Record.objects.filter(facts__a__1=2.5, public=True, made__year=2024).count() == Record.objects.using("old").filter(facts__a__1=2.5, public=True).count()
    assert User.objects.get(username="root").check_password("secret") and not User.objects.get(username="żółw").is_active
    # The sequences go on, behind ids of rows that are gone too.
    assert User.objects.create_user("next").pk == 4
    assert Label.objects.create(name="next").pk == 6
    Labelling.objects.create(record=record, label=Label.objects.get(name="next"), since=record.made)
    User.objects.get(username="root").delete()
    assert Record.objects.filter(owner__username="root").count() == 0
    call_command("migrate", verbosity=0)


{"fill": fill, "prepare": lambda: call_command("migrate", verbosity=0), "compare": compare}[TASK]()
