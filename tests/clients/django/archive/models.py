"""A column of every kind of Django's that SQLite and PostgreSQL store differently."""

import uuid

from django.contrib.auth.models import User
from django.db import models


class Label(models.Model):
    name = models.SlugField(unique=True)


class Record(models.Model):
    key = models.UUIDField(primary_key=True, default=uuid.uuid4)
    parent = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="parts")
    owner = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)
    labels = models.ManyToManyField(Label, through="Labelling")
    related = models.ManyToManyField("self")
    title = models.CharField(max_length=40)
    text = models.TextField(blank=True)
    public = models.BooleanField()
    checked = models.BooleanField(null=True)
    size = models.BigIntegerField()
    rank = models.PositiveSmallIntegerField(null=True)
    price = models.DecimalField(max_digits=12, decimal_places=4)
    ratio = models.FloatField()
    facts = models.JSONField(default=dict)
    made = models.DateTimeField()
    day = models.DateField(null=True)
    at = models.TimeField(null=True)
    took = models.DurationField(null=True)
    content = models.BinaryField(null=True)
    address = models.GenericIPAddressField(null=True)

    class Meta:
        indexes = [models.Index(fields=["-made"])]
        constraints = [models.CheckConstraint(condition=models.Q(size__gte=-(2**63)), name="size_is_known")]


class Labelling(models.Model):
    record = models.ForeignKey(Record, on_delete=models.CASCADE)
    label = models.ForeignKey(Label, on_delete=models.CASCADE)
    since = models.DateTimeField()

    class Meta:
        unique_together = [("record", "label")]
