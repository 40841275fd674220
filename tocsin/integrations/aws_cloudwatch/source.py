"""What do CloudWatch's alarms say, by SNS, by Lambda, by EventBridge, or posted as they are?

Wire format: aws/aws-lambda-go events/testdata; docs.aws.amazon.com/AmazonCloudWatch "Alarm events and EventBridge".
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_aws import envelopes, message_of
from tocsin.integrations.reading_item import JsonSource


class CloudWatch(JsonSource):
    """CloudWatch alarms."""

    kind = "aws_cloudwatch"
    label = "Amazon CloudWatch"
    category = "Cloud"
    about = "Let the alarm notify an SNS topic for ALARM and OK, and subscribe this HTTPS endpoint to the topic:\n{address}"
    docs = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html"
    sample = {
        "AlarmName": "checkout 5xx", "AlarmDescription": "More than 1 % of requests fail", "AWSAccountId": "123456789012",
        "NewStateValue": "ALARM", "NewStateReason": "Threshold crossed", "Region": "EU (Ireland)",
        "AlarmArn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:checkout 5xx",
    }  # fmt: skip

    def items(self, body: Any) -> list[Any]:
        """The envelopes, or the alarm itself."""
        return envelopes(body)

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One alarm's event."""
        return message_of(item, received)


SOURCE = CloudWatch()
