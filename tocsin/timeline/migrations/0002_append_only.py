"""The timeline cannot be rewritten, not even by the program."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("timeline", "0001_initial"), ("accounts", "0003_clock_and_audit")]
    operations = [
        migrations.RunSQL(
            "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON timeline_entry FOR EACH ROW EXECUTE FUNCTION tocsin_append_only()",
            "DROP TRIGGER append_only ON timeline_entry",
        )
    ]
