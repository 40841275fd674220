from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("incidents", "0001_initial")]

    operations = [
        migrations.AddIndex(
            model_name="incident",
            index=models.Index(condition=models.Q(("status__in", ["resolved", "closed"])), fields=["watch_until"], name="incident_watched"),
        ),
    ]
