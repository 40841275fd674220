from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("alerts", "0022_sns_topics")]

    operations = [
        migrations.AddField(model_name="silence", name="stop_paging", field=models.BooleanField(db_default=False, default=False)),
        migrations.AddField(model_name="silence", name="stopped", field=models.PositiveIntegerField(blank=True, null=True)),
    ]
