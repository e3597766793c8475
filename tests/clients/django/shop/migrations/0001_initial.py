from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Shelf",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=20, unique=True)),
            ],
        ),
        migrations.CreateModel(
            name="Item",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(db_index=True, max_length=50)),
                ("price", models.DecimalField(decimal_places=2, default=0, max_digits=8)),
                ("active", models.BooleanField(default=True)),
                ("extra", models.JSONField(default=dict)),
                ("day", models.DateField(null=True)),
                ("made", models.DateTimeField(auto_now_add=True)),
                ("shelf", models.ForeignKey(on_delete=models.deletion.CASCADE, to="shop.shelf")),
            ],
        ),
    ]
