import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('alerts', '0013_requests_of_opsgenie'),
    ]

    operations = [
        migrations.CreateModel(
            name='EventRetention',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ran_at', models.DateTimeField(blank=True, null=True)),
                ('looked_until', models.BigIntegerField(default=0)),
                ('swept_at', models.DateTimeField(blank=True, null=True)),
                ('oldest_at', models.DateTimeField(blank=True, null=True)),
                ('oldest_refused_at', models.DateTimeField(blank=True, null=True)),
                ('held_bytes', models.BigIntegerField(default=0)),
                ('file_bytes', models.BigIntegerField(default=0)),
                ('deleted', models.BigIntegerField(default=0)),
                ('behind', models.BooleanField(default=False)),
            ],
        ),
        migrations.AlterField(
            model_name='alert',
            name='first_raw_event',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='alerts.rawevent'),
        ),
        migrations.AlterField(
            model_name='alert',
            name='last_raw_event',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='alerts.rawevent'),
        ),
        migrations.AlterField(
            model_name='changeevent',
            name='raw_event',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='alerts.rawevent'),
        ),
        migrations.AddIndex(
            model_name='rawevent',
            index=models.Index(condition=models.Q(('state', 'refused')), fields=['id'], name='raw_event_refused'),
        ),
        # What comes and goes by thousands a second is cleaned in small steps, so that its room is used again.
        migrations.RunSQL(
            "ALTER TABLE alerts_rawevent SET (autovacuum_vacuum_scale_factor = 0.05)",
            "ALTER TABLE alerts_rawevent RESET (autovacuum_vacuum_scale_factor)",
        ),
    ]
