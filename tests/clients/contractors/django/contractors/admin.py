from django.contrib import admin

from .models import AuditRecord, CollectionLog, Contractor, RawData


@admin.register(Contractor)
class ContractorAdmin(admin.ModelAdmin):
    list_display = ["business_name", "city", "active", "created_at"]
    list_filter = ["city", "active"]
    search_fields = ["business_name"]


@admin.register(AuditRecord)
class AuditRecordAdmin(admin.ModelAdmin):
    list_display = ["contractor", "status", "started_at", "completed_at", "result_summary"]
    list_filter = ["status"]


@admin.register(RawData)
class RawDataAdmin(admin.ModelAdmin):
    list_display = ["contractor", "source_name", "fetch_status", "fetched_at"]


@admin.register(CollectionLog)
class CollectionLogAdmin(admin.ModelAdmin):
    list_display = ["contractor", "source_name", "status", "started_at", "completed_at"]
