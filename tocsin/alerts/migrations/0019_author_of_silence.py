from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("alerts", "0018_sns")]

    operations = [
        migrations.AddField(
            model_name="silence", name="author", field=models.CharField(blank=True, db_default="", default="", max_length=200)
        ),
    ]
