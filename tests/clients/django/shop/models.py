from django.db import models


class Shelf(models.Model):
    name = models.CharField(max_length=20, unique=True)


class Item(models.Model):
    shelf = models.ForeignKey(Shelf, on_delete=models.CASCADE)
    name = models.CharField(max_length=50, db_index=True)
    price = models.DecimalField(max_digits=8, decimal_places=2, default=0)
    active = models.BooleanField(default=True)
    extra = models.JSONField(default=dict)
    day = models.DateField(null=True)
    made = models.DateTimeField(auto_now_add=True)
