from django.db import models


class Contractor(models.Model):
    business_name = models.CharField(max_length=200)
    city = models.CharField(max_length=100, blank=True)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self):
        return self.business_name


class RawData(models.Model):
    contractor = models.ForeignKey(Contractor, on_delete=models.CASCADE)
    source_name = models.CharField(max_length=50)
    source_url = models.TextField(null=True)
    raw_text = models.TextField(null=True)
    structured_data = models.JSONField(null=True)
    fetch_status = models.CharField(max_length=20, null=True)
    error_message = models.TextField(null=True)
    fetched_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "contractor_raw_data"


class CollectionLog(models.Model):
    contractor = models.ForeignKey(Contractor, on_delete=models.CASCADE)
    source_name = models.CharField(max_length=50)
    requested_by = models.CharField(max_length=50, null=True)
    request_reason = models.TextField(null=True)
    status = models.CharField(max_length=20)
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    error_message = models.TextField(null=True)

    class Meta:
        db_table = "collection_log"


class AuditRecord(models.Model):
    contractor = models.ForeignKey(Contractor, on_delete=models.CASCADE)
    audit_type = models.CharField(max_length=20, null=True)
    status = models.CharField(max_length=20)
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    result_summary = models.JSONField(null=True)
    error_message = models.TextField(null=True)
    deepseek_tokens_used = models.IntegerField(null=True)

    class Meta:
        db_table = "audit_records"
