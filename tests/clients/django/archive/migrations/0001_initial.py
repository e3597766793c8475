import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Label',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.SlugField(unique=True)),
            ],
        ),
        migrations.CreateModel(
            name='Labelling',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('since', models.DateTimeField()),
                ('label', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='archive.label')),
            ],
        ),
        migrations.CreateModel(
            name='Record',
            fields=[
                ('key', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('title', models.CharField(max_length=40)),
                ('text', models.TextField(blank=True)),
                ('public', models.BooleanField()),
                ('checked', models.BooleanField(null=True)),
                ('size', models.BigIntegerField()),
                ('rank', models.PositiveSmallIntegerField(null=True)),
                ('price', models.DecimalField(decimal_places=4, max_digits=12)),
                ('ratio', models.FloatField()),
                ('facts', models.JSONField(default=dict)),
                ('made', models.DateTimeField()),
                ('day', models.DateField(null=True)),
                ('at', models.TimeField(null=True)),
                ('took', models.DurationField(null=True)),
                ('content', models.BinaryField(null=True)),
                ('address', models.GenericIPAddressField(null=True)),
                ('labels', models.ManyToManyField(through='archive.Labelling', to='archive.label')),
                ('owner', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL)),
                ('parent', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='parts', to='archive.record')),
                ('related', models.ManyToManyField(to='archive.record')),
            ],
        ),
        migrations.AddField(
            model_name='labelling',
            name='record',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='archive.record'),
        ),
        migrations.AddIndex(
            model_name='record',
            index=models.Index(fields=['-made'], name='archive_rec_made_f2d0a4_idx'),
        ),
        migrations.AddConstraint(
            model_name='record',
            constraint=models.CheckConstraint(condition=models.Q(('size__gte', -9223372036854775808)), name='size_is_known'),
        ),
        migrations.AlterUniqueTogether(
            name='labelling',
            unique_together={('record', 'label')},
        ),
    ]
