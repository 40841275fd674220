"""Which outside products does Tocsin know, and by which module does it speak to them?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Generic, TypeVar

from tocsin.domain.ports import EventSource, Gateway, Notifier

Part = TypeVar("Part")


class Lazy(Mapping[str, Part], Generic[Part]):
    """Kind → part, imported when it is first asked for: some vendors' libraries take a second to import."""

    def __init__(self, places: dict[str, str]) -> None:
        self.places = places  # kind → "module:name"
        self.made: dict[str, Any] = {}

    def __getitem__(self, kind: str) -> Part:
        if kind not in self.made:
            module, _, name = self.places[kind].partition(":")
            self.made[kind] = getattr(import_module(module), name)
        return self.made[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self.places, *self.made]))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def add(self, kind: str, part: Part) -> None:
        """Put a part that is made already; a test's fake phone comes in here."""
        self.made[kind] = part

    def remove(self, kind: str) -> None:
        """Take out what `add` put."""
        self.made.pop(kind, None)


KINDS = (
    "airbrake", "alertmanager", "alertmanager_api_v2", "argocd", "aws_cloudwatch", "aws_sns", "awx", "axiom", "azure_monitor",
    "azure_monitor_legacy", "betterstack", "change", "checkly", "checkmk", "cloudevents", "coralogix", "dash0", "datadog", "email", "falco",
    "flux",
    "freshping", "freshstatus", "gcp_monitoring", "generic", "github", "gitlab", "grafana_legacy", "grafana_oncall", "grafana_unified",
    "graylog", "harbor", "heartbeat", "honeybadger", "icinga", "insping", "jira", "kubernetes", "librato", "libre_nms", "linear",
    "nagios", "netbox",
    "netlify", "newrelic", "newrelic_legacy", "opsgenie_alert_api", "opsgenie_webhook", "pagerduty_change_events", "pagerduty_events_v2",
    "pagerduty_webhook_v1", "pagerduty_webhook_v2", "pagerduty_webhook_v3", "papertrail", "pingdom", "raygun", "rollbar", "rundeck",
    "sensu", "sentry", "site24x7", "slack", "splunk", "statuscake", "statuspage_api_v2", "statuspage_webhook", "terraform_cloud",
    "thinkst_canary", "thousandeyes", "updown", "uptime_kuma", "uptimerobot", "victorops", "wazuh", "zabbix",
)  # fmt: skip

SOURCES: Lazy[EventSource] = Lazy({kind: f"tocsin.integrations.{kind}.source:SOURCE" for kind in KINDS})

NOTIFIERS: Lazy[Notifier] = Lazy(
    {
        "email": "tocsin.integrations.email.notifier:NOTIFIER",
        "webhook": "tocsin.integrations.webhook.notifier:NOTIFIER",
        "screen": "tocsin.integrations.screen.notifier:NOTIFIER",
        "ntfy": "tocsin.integrations.ntfy.notifier:NOTIFIER",
        "sms": "tocsin.integrations.phone.notifier:SMS",
        "voice": "tocsin.integrations.phone.notifier:VOICE",
        "webpush": "tocsin.integrations.webpush.subscription:NOTIFIER",
        "pushover": "tocsin.integrations.pushover.gateway:NOTIFIER",
        "slack": "tocsin.integrations.slack.gateway:CHANNEL",
        "mattermost": "tocsin.integrations.mattermost.gateway:CHANNEL",
        "teams": "tocsin.integrations.teams.gateway:CHANNEL",
        "teams_bot": "tocsin.integrations.teams.bot:NOTIFIER",
        "matrix": "tocsin.integrations.matrix.gateway:CHANNEL",
        "telegram": "tocsin.integrations.telegram.bot:NOTIFIER",
        "apprise": "tocsin.integrations.apprise.notifier:NOTIFIER",
    }
)

# By which accounts at providers a channel is served: "sms" by Twilio or by any provider with an HTTP interface.
GATEWAYS: Lazy[Gateway] = Lazy(
    {
        "twilio_sms": "tocsin.integrations.twilio.sms:GATEWAY",
        "elks_sms": "tocsin.integrations.http_gateway.presets:ELKS",
        "vonage_sms": "tocsin.integrations.http_gateway.presets:VONAGE",
        "plivo_sms": "tocsin.integrations.http_gateway.presets:PLIVO_SMS",
        "plivo_voice": "tocsin.integrations.http_gateway.presets:PLIVO_VOICE",
        "messagebird_sms": "tocsin.integrations.http_gateway.presets:MESSAGEBIRD",
        "http_sms": "tocsin.integrations.http_gateway.presets:OWN_SMS",
        "http_voice": "tocsin.integrations.http_gateway.presets:OWN_VOICE",
        "twilio_voice": "tocsin.integrations.twilio.voice:GATEWAY",
        "webpush": "tocsin.integrations.webpush.gateway:GATEWAY",
        "pushover": "tocsin.integrations.pushover.gateway:GATEWAY",
        "slack": "tocsin.integrations.slack.gateway:GATEWAY",
        "mattermost": "tocsin.integrations.mattermost.gateway:GATEWAY",
        "teams": "tocsin.integrations.teams.gateway:GATEWAY",
        "teams_room": "tocsin.integrations.teams.gateway:ROOMS",
        "teams_bot": "tocsin.integrations.teams.bot:GATEWAY",
        "matrix": "tocsin.integrations.matrix.gateway:GATEWAY",
        "telegram": "tocsin.integrations.telegram.bot:GATEWAY",
        "mail_service": "tocsin.integrations.email.gateway:GATEWAY",
        "apprise": "tocsin.integrations.apprise.gateway:GATEWAY",
    }
)

# Their channels, known without importing anybody's module: a page that goes another way does not wait for all of them.
CHANNELS = frozenset(
    {
        "email",
        "sms",
        "voice",
        "webpush",
        "pushover",
        "slack",
        "mattermost",
        "teams",
        "teams_room",
        "teams_bot",
        "matrix",
        "telegram",
        "apprise",
    }
)


def through_accounts(channel: str) -> bool:
    """Whether that channel is served by accounts at providers."""
    return channel in CHANNELS or any(one.channel == channel for one in GATEWAYS.made.values())


# Ways whose messages are changed when somebody has what they are about (domain.ports.Changing): asked while an acknowledgement is stored,
# without importing anybody's module.
CHANGED = ("slack", "mattermost", "teams_bot", "matrix", "telegram", "pushover", "webpush", "ntfy", "voice")
STREAMED = ("slack",)  # those that may bring it over a connection of ours (domain.ports_chat.Streaming)
HEARD = ("matrix",)  # those that are asked what people have answered (domain.ports_chat.Hearing)
