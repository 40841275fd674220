"""How does work that pages nobody get done in the background, and is a worker there to do it?

A room declares its jobs in its own `jobs.py`: `@app.task(queue="mail")` with `app` of procrastinate.contrib.django. A deferred job is a
row of the same transaction as what it belongs to. Nothing of the paging path is a job: losing the whole queue loses no page (D2).
"""

QUEUES = ("mail", "publish", "collect", "reminders", "default")
