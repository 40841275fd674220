"""The lines that tests of the suite prove with a moved clock, a real database or a stand-in of a provider."""

from __future__ import annotations

from tests.faults.table import by_tests

S, R, D = "tests/scenarios", "tests/rooms", "tests/domain"

by_tests("provider", "SMTP 4xx; SMTP 5xx; one byte every 10 s", "retry, then the next method; the next at once; given up after 20 s",
         "tests/integrations/test_notifiers.py")  # fmt: skip
by_tests("provider", "one channel hangs for 10 minutes", "the others go on (R11)", f"{R}/test_lanes.py")
by_tests(
    "provider",
    "an account fails, rests, is credentialed wrongly",
    "another takes over, the only one is tried all the same",
    f"{S}/test_accounts_at_providers.py",
)
by_tests(
    "provider",
    "all methods of a person fail; a temporary failure; no receipt",
    "the next step at once; retries; a final state",
    f"{S}/test_paging.py",
)
by_tests(
    "provider",
    "redirects, giant and endless answers, bad names, private addresses",
    "not followed; 64 KB, 10 s; refused",
    "tests/integrations/test_egress.py",
)
by_tests("provider", "Slack: 429 with Retry-After of 30 s or a day, 200 with ok:false, credentials revoked",
         "waited for a minute at most, then the next method; a failure; administrators told by another way", f"{S}/test_slack_pages.py")  # fmt: skip
by_tests("provider", "texts: wrong number, opted out, no report, a report twice, late, out of order, of nobody",
         "each in plain words; asked after 60 s, next method after 3 min; no second effect, noted", f"{S}/test_sms.py")  # fmt: skip
by_tests("provider", "calls: voicemail, nobody, busy", "not an acknowledgement; the next method at once", f"{S}/test_calls.py")
by_tests(
    "provider", "a template of somebody's own that fails or never ends", "refused with a sentence, in time", "tests/lib/test_templates.py"
)
by_tests("time", "the application's clock jumps an hour, the database's back ten minutes; handoffs; a policy deleted; people removed",
         "no step early or doubled; nothing again; whoever has it then; it goes on; skipped", f"{S}/test_time_and_people.py")  # fmt: skip
by_tests("time", "40 minutes of downtime over three steps; a restore", "R14; R17", f"{S}/test_catch_up.py", f"{D}/test_catch_up.py")
by_tests("time", "spring gap, double autumn hour, leap day, week 53", "exactly one on call each minute", f"{D}/test_rotation.py")
by_tests("time", "a gap, an empty schedule, nobody usable, a person removed, the same person in two steps, an override a second before",
         "R6; skipped and noted; one page a step; counts", f"{S}/test_paging.py", f"{S}/test_paging_at_its_edges.py", f"{S}/test_steps.py")  # fmt: skip
by_tests(
    "time",
    "an acknowledgement runs out; maintenance ends while it still fires",
    "pages again once",
    f"{S}/test_paging.py",
    f"{R}/test_quiet.py",
)
by_tests("stream", "resolve before trigger, older after newer, flapping, a storm of one cause", "no page; unchanged; one incident; one page with a true count",
         f"{R}/test_receiving_at_its_edges.py", f"{S}/test_storms.py")  # fmt: skip
by_tests("stream", "one key floods; a bad item among good ones; 10 MB, endless and wrong bodies; gzip bombs, deep JSON", "429 for it alone; only it is refused; 413, 408, 400",
         f"{R}/test_intake.py", f"{R}/test_bad_input.py")  # fmt: skip
by_tests("stream", "a regex bomb, a rule that raises", "20 ms at most; the default route", f"{R}/test_routing_rules.py")
by_tests("stream", "acknowledged by many at the same moment", "one order (R8)", f"{R}/test_acknowledging_at_once.py")
by_tests("stream", "acknowledgement, resolution, timeout, receipt and crash in any order", "R4, R6, R7, R8, R10 hold", f"{D}/test_paging_machine.py",
         f"{S}/test_paging_machine.py")  # fmt: skip
by_tests("self-watch", "auditor off; something due is late; a loop stands still; the outside target out of reach", "an alarm without a write; no effect on paging",
         f"{S}/test_self_watch.py", f"{D}/test_self_watch.py")  # fmt: skip
by_tests(
    "self-watch", "the whole of Tocsin killed, the watch killed too", "people are paged from the other host, once", "tests/test_watch.py"
)
