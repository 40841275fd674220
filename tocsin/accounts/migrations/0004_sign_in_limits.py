from django.db import migrations


class Migration(migrations.Migration):
    """The table that all web processes share for counting sign-in attempts (Django's database cache)."""

    dependencies = [("accounts", "0003_clock_and_audit")]
    operations = [
        migrations.RunSQL(
            "CREATE TABLE accounts_cache (cache_key varchar(255) PRIMARY KEY, value text NOT NULL, expires timestamptz NOT NULL);"
            "CREATE INDEX accounts_cache_expires ON accounts_cache (expires);",
            "DROP TABLE accounts_cache;",
        )
    ]
