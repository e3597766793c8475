from django.contrib import admin

from .models import Item, Shelf

admin.site.register(Shelf)


@admin.register(Item)
class ItemAdmin(admin.ModelAdmin):
    list_display = ["name", "shelf", "price", "active", "made"]
    list_filter = ["active", "shelf"]
    search_fields = ["name"]
    date_hierarchy = "day"
