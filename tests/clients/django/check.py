"""Django on its PostgreSQL backend, in the dialect `postgres`: migrations, the ORM, and the admin's change list."""

import datetime
import decimal

import django
from database import POSTGRESQL
from django.conf import settings

settings.configure(
    SECRET_KEY="for a test",
    DEBUG=False,
    ALLOWED_HOSTS=["testserver"],
    ROOT_URLCONF="shop.urls",
    USE_TZ=True,
    STATIC_URL="/static/",
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "shop",
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
    DATABASES={"default": POSTGRESQL},
)
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import IntegrityError, connection, transaction  # noqa: E402
from django.db.models import Avg, Count, F, Q  # noqa: E402
from django.test import Client  # noqa: E402
from shop.models import Item, Shelf  # noqa: E402


def migrations():
    call_command("makemigrations", "shop", check=True, dry_run=True, verbosity=0)
    call_command("migrate", verbosity=0)
    call_command("migrate", "shop", "zero", verbosity=0)
    call_command("migrate", verbosity=0)
    assert {"shop_item", "shop_shelf", "auth_user"} <= set(connection.introspection.table_names())


def orm():
    shelf = Shelf.objects.create(name="upper")
    made = Item.objects.bulk_create(
        Item(shelf=shelf, name=f"item {n}", price=decimal.Decimal(n) / 4, active=n % 2 == 0, extra={"n": n, "tags": ["a", "b"]}, day=datetime.date(2024, 1, n + 1))
        for n in range(20)
    )
    assert all(item.pk for item in made)
    item = Item.objects.get(name="item 3")
    assert (item.price, item.active, item.extra["tags"], item.day) == (decimal.Decimal("0.75"), False, ["a", "b"], datetime.date(2024, 1, 4))
    assert item.made.tzinfo is not None
    assert Item.objects.filter(active=True).count() == 10
    assert Item.objects.filter(extra__n__gte=15).count() == 5
    assert Item.objects.filter(Q(name__icontains="ITEM 1") & ~Q(price__lt=3)).count() == 8
    assert Item.objects.filter(made__date=datetime.datetime.now(datetime.timezone.utc).date()).count() == 20
    assert Item.objects.filter(name="item 3").update(price=F("price") + 1) == 1
    assert Shelf.objects.annotate(n=Count("item"), mean=Avg("item__price")).get().n == 20
    assert [i.name for i in Item.objects.select_related("shelf").order_by("-day")[:2]] == ["item 19", "item 18"]
    assert len(list(Item.objects.iterator(chunk_size=7))) == 20
    _, created = Item.objects.update_or_create(name="item 3", defaults={"active": True, "shelf": shelf})
    assert not created
    try:
        with transaction.atomic():
            Shelf.objects.create(name="lower")
            with transaction.atomic():
                Shelf.objects.create(name="upper")
        raise AssertionError("the name is unique")
    except IntegrityError:
        pass
    assert Shelf.objects.count() == 1
    with transaction.atomic():
        Shelf.objects.select_for_update().get(name="upper")
        try:
            with transaction.atomic():
                Shelf.objects.create(name="upper")
        except IntegrityError:
            pass
        Shelf.objects.create(name="lower")
    assert Shelf.objects.count() == 2


def admin():
    User.objects.create_superuser("root", "root@example.com", "secret")
    client = Client()
    assert client.login(username="root", password="secret")
    page = client.get("/admin/shop/item/")
    assert page.status_code == 200 and b"20 items" in page.content and b"item 7" in page.content
    page = client.get("/admin/shop/item/?q=item+1&active__exact=1")
    assert page.status_code == 200 and b"5 items" in page.content, page.content
    answer = client.post("/admin/shop/shelf/add/", {"name": "cellar"})
    assert answer.status_code == 302 and Shelf.objects.filter(name="cellar").exists()
    answer = client.post("/admin/shop/shelf/", {"action": "delete_selected", "_selected_action": Shelf.objects.get(name="cellar").pk, "post": "yes"})
    assert answer.status_code == 302 and not Shelf.objects.filter(name="cellar").exists()


migrations()
orm()
admin()
