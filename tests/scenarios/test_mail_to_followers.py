"""A title with a line break neither forges a header nor keeps the mail from going out."""

import pytest
from django.core import mail

from tests.scenarios.organisation import Organisation
from tocsin.incidents import jobs
from tocsin.incidents.models import Incident, Subscriber
from tocsin.timeline.models import Entry

pytestmark = pytest.mark.django_db


def test_a_line_break_in_a_title_stays_out_of_the_header(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    house = Organisation()
    incident = house.declare(severity="SEV2")
    Incident.objects.filter(pk=incident.pk).update(title="Down\nBcc: mallory@example.com")
    follower = Subscriber.objects.create(incident=incident, email="cy@example.com")
    jobs.mail_entry(Entry.objects.filter(incident_id=incident.pk).latest("id").pk, follower.pk)
    assert mail.outbox[-1].subject.endswith("Down Bcc: mallory@example.com") and mail.outbox[-1].recipients() == ["cy@example.com"]
