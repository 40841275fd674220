from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("alerts", "0002_initial")]
    operations = [
        migrations.AddField(model_name="silence", name="released_at", field=models.DateTimeField(blank=True, null=True)),
        migrations.RemoveIndex(model_name="rawevent", name="raw_event_new"),
        migrations.AddIndex(
            model_name="rawevent",
            index=models.Index(condition=models.Q(("state", "new")), fields=["integration", "id"], name="raw_event_waiting"),
        ),
    ]
