import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Contractor',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('business_name', models.CharField(max_length=200)),
                ('city', models.CharField(blank=True, max_length=100)),
                ('active', models.BooleanField(default=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name='CollectionLog',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source_name', models.CharField(max_length=50)),
                ('requested_by', models.CharField(max_length=50, null=True)),
                ('request_reason', models.TextField(null=True)),
                ('status', models.CharField(max_length=20)),
                ('started_at', models.DateTimeField(null=True)),
                ('completed_at', models.DateTimeField(null=True)),
                ('error_message', models.TextField(null=True)),
                ('contractor', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='contractors.contractor')),
            ],
            options={
                'db_table': 'collection_log',
            },
        ),
        migrations.CreateModel(
            name='AuditRecord',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('audit_type', models.CharField(max_length=20, null=True)),
                ('status', models.CharField(max_length=20)),
                ('started_at', models.DateTimeField(null=True)),
                ('completed_at', models.DateTimeField(null=True)),
                ('result_summary', models.JSONField(null=True)),
                ('error_message', models.TextField(null=True)),
                ('deepseek_tokens_used', models.IntegerField(null=True)),
                ('contractor', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='contractors.contractor')),
            ],
            options={
                'db_table': 'audit_records',
            },
        ),
        migrations.CreateModel(
            name='RawData',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source_name', models.CharField(max_length=50)),
                ('source_url', models.TextField(null=True)),
                ('raw_text', models.TextField(null=True)),
                ('structured_data', models.JSONField(null=True)),
                ('fetch_status', models.CharField(max_length=20, null=True)),
                ('error_message', models.TextField(null=True)),
                ('fetched_at', models.DateTimeField(null=True)),
                ('expires_at', models.DateTimeField(null=True)),
                ('contractor', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='contractors.contractor')),
            ],
            options={
                'db_table': 'contractor_raw_data',
            },
        ),
    ]
