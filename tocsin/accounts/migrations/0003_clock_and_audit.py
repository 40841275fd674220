"""The one clock of every decision, the organisation's row, and an audit record that cannot be rewritten."""

from django.db import migrations

CLOCK = """
CREATE TABLE clock_shift (id boolean PRIMARY KEY DEFAULT true CHECK (id), shift interval NOT NULL DEFAULT '0');
INSERT INTO clock_shift DEFAULT VALUES;
CREATE FUNCTION tocsin_now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT now() + shift FROM clock_shift';
CREATE FUNCTION tocsin_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON accounts_auditentry FOR EACH ROW EXECUTE FUNCTION tocsin_append_only();
INSERT INTO accounts_organisation (id, name, time_zone, country, subdivision, day_starts, day_ends, require_mfa)
VALUES (1, 'My organisation', 'UTC', '', '', '09:00', '17:00', false);
"""
UNDO = """
DROP TRIGGER append_only ON accounts_auditentry;
DROP FUNCTION tocsin_append_only();
DROP FUNCTION tocsin_now();
DROP TABLE clock_shift;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_initial")]
    operations = [migrations.RunSQL(CLOCK, UNDO)]
