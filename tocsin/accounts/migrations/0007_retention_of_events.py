from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0006_where_people_live'),
    ]

    operations = [
        migrations.AddField(
            model_name='organisation',
            name='event_days',
            field=models.PositiveSmallIntegerField(db_default=30, default=30),
        ),
        migrations.AddField(
            model_name='organisation',
            name='event_gigabytes',
            field=models.PositiveIntegerField(db_default=10, default=10),
        ),
        migrations.AddField(
            model_name='organisation',
            name='refused_event_days',
            field=models.PositiveSmallIntegerField(db_default=180, default=180),
        ),
    ]
