"""The Django side of the application: its migrations, its contractors, and the admin over the tables that the service fills.

    run.py migrate | seed N | changelist N | watch AUDITS | account AUDITS

With SQLITE_FILE set, on that file, as it was before the move.
"""

import os
import re
import sys
import threading
import time
import urllib.parse
import urllib.request
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings


def database():
    if file := os.environ.get("SQLITE_FILE"):
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": file}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ["PGHOST"],
        "PORT": os.environ["PGPORT"],
        "USER": os.environ["PGUSER"],
        "NAME": os.environ["PGDATABASE"],
        "OPTIONS": {"options": "-c litewire.dialect=postgres"},
    }


settings.configure(
    SECRET_KEY="for a test",
    ALLOWED_HOSTS=["testserver", "127.0.0.1"],
    ROOT_URLCONF="contractors.urls",
    USE_TZ=True,
    STATIC_URL="/static/",
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "contractors",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    DATABASES={"default": database()},
)
django.setup()

from contractors.models import AuditRecord, CollectionLog, Contractor, RawData  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.test import Client  # noqa: E402

SOURCES = 3


def migrate():
    call_command("migrate", verbosity=0)


def seed(count):
    User.objects.create_superuser("root", "root@example.com", "secret")
    for n in range(count):
        Contractor.objects.create(business_name=f"Contractor {n}", city="Seattle" if n % 2 else "Tacoma")
    assert Contractor.objects.count() == count


def logged_in():
    client = Client()
    assert client.login(username="root", password="secret")
    return client


def fetch(client, page, wanted):
    answer = client.get(f"/admin/contractors/{page}")
    assert answer.status_code == 200, answer
    assert wanted.encode() in answer.content, f"{page}: no {wanted!r} in\n{answer.content.decode()}"


def served(count):
    """The change list through a socket, as a browser has it."""
    server = make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=WSGIRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    site = f"http://127.0.0.1:{server.server_port}/admin"
    token = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', browser.open(f"{site}/login/").read().decode())[1]
    form = {"username": "root", "password": "secret", "csrfmiddlewaretoken": token}
    assert browser.open(f"{site}/login/?next=/admin/", urllib.parse.urlencode(form).encode()).url == f"{site}/"
    page = browser.open(f"{site}/contractors/contractor/").read().decode()
    server.shutdown()
    assert f"{count} contractors" in page and "Contractor 0" in page, page


def changelist(count):
    served(count)
    client = logged_in()
    fetch(client, "contractor/", f"{count} contractors")
    fetch(client, "contractor/", "Contractor 0")
    fetch(client, "contractor/?city__exact=Seattle", f"{count // 2} contractors")
    fetch(client, "contractor/?q=Contractor+17", "1 contractor")
    fetch(client, f"contractor/{Contractor.objects.order_by('id').first().pk}/change/", "Contractor 0")


def watch(audits):
    """The admin at work while the service audits, until that is done."""
    client, deadline = logged_in(), time.monotonic() + 120
    while AuditRecord.objects.filter(status="completed").count() < audits:
        assert time.monotonic() < deadline, "the audits do not end"
        for page in ("contractor/", "auditrecord/", "rawdata/", "collectionlog/"):
            assert client.get(f"/admin/contractors/{page}").status_code == 200
        contractor = Contractor.objects.order_by("?").first()
        contractor.city = "Tacoma" if contractor.city == "Seattle" else "Seattle"
        contractor.save(update_fields=["city"])
        time.sleep(0.02)


def account(audits):
    """Every row that an audit writes is there once, as the ORM sees it."""
    assert AuditRecord.objects.filter(status="completed").count() == AuditRecord.objects.count() == audits
    assert CollectionLog.objects.filter(status="completed").count() == CollectionLog.objects.count() == audits * SOURCES
    assert RawData.objects.count() == audits * SOURCES
    for audit in AuditRecord.objects.all():
        assert audit.result_summary["sources"] == SOURCES and audit.completed_at >= audit.started_at, audit.result_summary
    assert sorted(AuditRecord.objects.values_list("deepseek_tokens_used", flat=True)) == [100] * audits
    fetch(logged_in(), "auditrecord/", f"{audits} audit records")


if __name__ == "__main__":
    task, *numbers = sys.argv[1:]
    {f.__name__: f for f in (migrate, seed, changelist, watch, account)}[task](*map(int, numbers))
