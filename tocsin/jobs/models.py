"""Which worker processes are alive?"""

from django.db import models


class WorkerHeartbeat(models.Model):
    """One row for each worker process: when it was last heard, by the database's clock. `loops`: {"escalations": seconds since its last round}."""

    name = models.CharField(max_length=200, unique=True)
    started_at = models.DateTimeField()
    at = models.DateTimeField()
    loops = models.JSONField(default=dict)
