"""What do the notifications of Amazon SNS say? The envelope is opened; an alarm in it is read as one.

Wire format: docs.aws.amazon.com/sns "Parsing message formats". Sent as text/plain.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_aws import envelopes, message_of
from tocsin.integrations.reading_item import JsonSource, first


class AmazonSns(JsonSource):
    """An HTTPS subscription to a topic."""

    kind = "aws_sns"
    label = "Amazon SNS"
    category = "Cloud"
    about = "In Amazon SNS, create a subscription of the topic: protocol HTTPS, endpoint\n{address}\nThe subscription is confirmed by itself. Leave raw message delivery off: it is not signed."
    docs = "https://docs.aws.amazon.com/sns/latest/dg/sns-http-https-endpoint-as-subscriber.html"
    sample = {
        "Type": "Notification", "MessageId": "5be4f00d-0000-4000-8000-000000000001", "TopicArn": "arn:aws:sns:eu-west-1:123456789012:ops",
        "Subject": 'ALARM: "checkout 5xx"',
        "Message": '{"AlarmName": "checkout 5xx", "AWSAccountId": "123456789012", "Region": "EU (Ireland)", "NewStateValue": "ALARM"}',
    }  # fmt: skip

    def items(self, body: Any) -> list[Any]:
        """The envelopes."""
        return envelopes(body)

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One envelope's event."""
        name = first(item, "MessageId") or received.headers.get("x-amz-sns-message-id", "")
        return replace(message_of(item, received), delivery=name)


SOURCE = AmazonSns()
