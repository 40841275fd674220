"""What do AWS's messages say: the envelope of SNS, the alarm in it, and EventBridge's events?"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event, SourceSeverity
from tocsin.domain.ports import Received
from tocsin.integrations import reading
from tocsin.integrations.reading_body import as_json
from tocsin.integrations.reading_item import event, first, obj, rows, state, unknown_state, words

ALARM = words(firing="alarm", resolved="ok", none="insufficient_data")
HANDSHAKES = {"SubscriptionConfirmation", "UnsubscribeConfirmation"}


def envelopes(body: Any) -> list[Any]:
    """The SNS envelopes of a body: one by itself, Lambda's `Records`, SQS's records with an envelope as text, or a list."""
    if isinstance(body, dict) and isinstance(body.get("Records"), list):
        return [_of_record(record) for record in body["Records"]]
    return body if isinstance(body, list) else [body]


def _of_record(record: Any) -> Any:
    if not isinstance(record, dict):
        return record
    return record["Sns"] if isinstance(record.get("Sns"), dict) else as_json(record.get("body")) if "body" in record else record


def message_of(item: dict[str, Any], received: Received) -> Event:
    """The event of one envelope, or of a bare message (raw delivery, EventBridge)."""
    kind = first(item, "Type") or received.headers.get("x-amz-sns-message-type", "")
    if kind in HANDSHAKES:
        return event(
            "handshake", "handshake", item, received, title=[f"{kind}: {first(item, 'TopicArn')}"], started=[item.get("Timestamp")],
            details={name: value for name, value in item.items() if name not in ("Token", "SubscribeURL", "Signature")},
        )  # fmt: skip
    if "Message" not in item or (not kind and "AlarmName" in item):
        return _said(item, item, received)
    inside = as_json(item["Message"])
    if isinstance(inside, dict):
        return _said(inside, item, received)
    return event(
        "firing", first(item, "MessageId"), item, received, title=[item.get("Subject"), inside, item.get("TopicArn")],
        started=[item.get("Timestamp")], labels={"topic": item.get("TopicArn")},
        details={"message": inside, "subject": item.get("Subject"), "topic": item.get("TopicArn")},
    )  # fmt: skip


def _said(inside: dict[str, Any], envelope: dict[str, Any], received: Received) -> Event:
    if "NewStateValue" in inside or "AlarmName" in inside:
        return alarm_of(inside, envelope, received)
    if "detail-type" in inside or ("detail" in inside and "source" in inside):
        return bridge_of(inside, received)
    title = [envelope.get("Subject"), *(inside.get(name) for name in ("title", "summary", "subject", "message", "Event Message", "Event"))]
    return event(
        "firing", first(inside, "id", "Event ID") or first(envelope, "MessageId"), inside, received, title=title,
        word=first(inside, "severity", "Severity"), started=[inside.get("timestamp"), envelope.get("Timestamp")], link=[inside.get("link")],
        labels={"topic": envelope.get("TopicArn")},
    )  # fmt: skip


def alarm_of(alarm: dict[str, Any], envelope: dict[str, Any], received: Received) -> Event:
    """A CloudWatch alarm, simple or composite. Without its ARN the account, the region and the name are its identity."""
    word, name = first(alarm, "NewStateValue"), first(alarm, "AlarmName")
    status = state(word, ALARM)
    place = ":".join(part for part in (first(alarm, "AWSAccountId"), first(alarm, "Region"), name) if part)
    at = [alarm.get("StateChangeTime"), envelope.get("Timestamp")]
    dimensions = {
        first(row, "name", "Name"): first(row, "value", "Value") for row in rows(alarm, "Trigger.Dimensions") if isinstance(row, dict)
    }
    return event(
        status, first(alarm, "AlarmArn") or place, alarm, received, title=[name, alarm.get("AlarmDescription"), envelope.get("Subject")],
        started=at, occurred=at[:1], error=unknown_state(status, word),
        labels=dimensions | {
            "account": alarm.get("AWSAccountId"), "region": alarm.get("Region"), "namespace": first(alarm, "Trigger.Namespace"),
            "metric": first(alarm, "Trigger.MetricName"),
        },
    )  # fmt: skip


def bridge_of(item: dict[str, Any], received: Received) -> Event:
    """An event of EventBridge: alarm changes, health, findings; any other is a change of something."""
    kind, detail = first(item, "detail-type"), obj(item, "detail")
    labels = {"account": item.get("account"), "region": item.get("region"), "source": item.get("source")}
    resource = first(item, "resources.0")
    if kind == "CloudWatch Alarm State Change":
        word, name = first(detail, "state.value"), first(detail, "alarmName")
        status, at = state(word, ALARM), [first(detail, "state.timestamp"), item.get("time")]
        return event(
            status, resource or name, item, received, title=[name], started=at, occurred=at, labels=labels,
            error=unknown_state(status, word),
        )  # fmt: skip
    if kind == "AWS Health Event":
        closed = first(detail, "statusCode").lower() == "closed"
        issue = first(detail, "eventTypeCategory").lower() in ("issue", "")
        return event(
            "resolved" if closed else "firing" if issue else "none", first(detail, "eventArn"), item, received,
            title=[first(detail, "eventDescription.0.latestDescription"), detail.get("eventTypeCode")], service=first(detail, "service"),
            started=[detail.get("startTime"), item.get("time")], labels=labels,
        )  # fmt: skip
    if "Finding" in kind or detail.get("findings"):
        finding = obj(detail, "findings.0") or detail
        return event(
            "firing", first(finding, "Id", "id", "arn"), item, received, title=[finding.get("Title"), finding.get("title"), kind],
            severity=finding_severity(finding), started=[finding.get("createdAt"), finding.get("CreatedAt"), item.get("time")], labels=labels,
        )  # fmt: skip
    word = first(detail, "severity")
    failed = any(part in first(detail, "state", "status", "stopCode", "lastStatus").lower() for part in ("fail", "abort"))
    return event(
        "firing" if word or failed else "change", resource or first(item, "id"), item, received,
        title=[f"{kind}: {first(detail, 'name', 'pipeline', 'jobName', 'state') or first(item, 'source')}"], word=word,
        service=first(detail, "pipeline", "group"), started=[item.get("time")], labels=labels,
    )  # fmt: skip


def finding_severity(finding: dict[str, Any]) -> SourceSeverity | None:
    """GuardDuty counts from 0 to 10; Security Hub has words."""
    said = first(finding, "Severity.Label", "severity")
    try:
        number = float(said)
    except ValueError:
        return reading.severity(said)
    return "critical" if number >= 9 else "error" if number >= 7 else "warning" if number >= 4 else "info"
