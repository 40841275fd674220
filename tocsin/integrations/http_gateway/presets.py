"""Which providers are known by their recipes? Data: an address, a body, what a good answer is, what reports and replies look like."""

from __future__ import annotations

from tocsin.domain.ports import Field
from tocsin.integrations.http_gateway import signatures
from tocsin.integrations.http_gateway.gateway import HttpGateway
from tocsin.integrations.http_gateway.recipe import Recipe


def _place(address: str) -> Field:
    return Field("base_url", "Address of the API", required=False, default=address)


SENDER = Field("sender", "Sender", help="A number of yours (+46…), or a name of at most 11 letters, which cannot be answered.")
SIGNED = Field(
    "signatures",
    "Signatures",
    required=False,
    default="required",
    help="required: calls count only when Plivo signed them (V3 or V2) with the auth token; address: the signed address is proof enough.",
)
NUMBER = Field("sender", "Caller number", help="A number of yours at the provider: +14155550100.")

# https://46elks.com/docs/send-sms
ELKS = HttpGateway(
    "elks_sms", "46elks: text messages", "sms",
    (Field("user", "API username"), Field("password", "API password", secret=True), SENDER, _place("https://api.46elks.com")),
    Recipe(
        url="{{ base_url }}/a1/sms", body="from={{ sender }}\nto={{ to }}\nmessage={{ text }}\nwhendelivered={{ callback }}",
        success='status == 200 and body.status != "failed"', id="body.id", reason="text", refused="status in [401, 402, 403]",
        bad_number='status == 400 and "to" in text', report_id="body.id", report="body.status if not body.message",
        ask_url="{{ base_url }}/a1/sms/{{ id }}", ask="body.status",
        reply_from="body.from", reply_text="body.message", answer="{{ said }}",
    ),
)  # fmt: skip

# https://developer.vonage.com/en/messaging/sms/overview; delivery receipts and inbound texts as POST-JSON or POST
VONAGE = HttpGateway(
    "vonage_sms", "Vonage: text messages", "sms",
    (
        Field("user", "API key"), Field("password", "API secret", secret=True), SENDER, _place("https://rest.nexmo.com"),
        Field("signing_secret", "Signature secret", secret=True, required=False, help="Of the account's settings: calls then count only with a signature (a JWT, or sig)."),
        Field("signing_method", "Signature method", required=False, default="sha256", help="As in the account's settings: md5hash, md5, sha1, sha256 or sha512."),
    ),
    Recipe(
        url="{{ base_url }}/sms/json",
        body='{"api_key": "{{ user }}", "api_secret": "{{ password }}", "from": "{{ sender|replace(\'+\', \'\') }}", "to": "{{ number }}", '
        '"text": "{{ text }}", "type": "unicode", "callback": "{{ callback }}", "client-ref": "{{ key }}"}',
        success='status == 200 and body.messages[0].status == "0"', id='body.messages[0]["message-id"]', reason='body.messages[0]["error-text"]',
        refused='body.messages[0].status in ["4", "8", "9", "15", "22", "23", "29"] or status in [401, 402, 403]',
        bad_number='body.messages[0].status in ["3", "6", "7", "34"]', report_id="body.messageId", report="body.status", report_reason='body["err-code"]',
        failed="failed, rejected, expired, deleted, undeliverable", reply_from="body.msisdn", reply_text="body.text",
    ),
    signatures.of_vonage,
)  # fmt: skip

# https://www.plivo.com/docs/messaging/api/message
PLIVO_SMS = HttpGateway(
    "plivo_sms", "Plivo: text messages", "sms",
    (Field("user", "Auth ID"), Field("password", "Auth token", secret=True), SENDER, SIGNED, _place("https://api.plivo.com")),
    Recipe(
        url="{{ base_url }}/v1/Account/{{ user }}/Message/",
        body='{"src": "{{ sender }}", "dst": "{{ to }}", "text": "{{ text }}", "url": "{{ callback }}", "method": "POST"}',
        success="status == 202", id="body.message_uuid[0]", reason="body.error", bad_number='status == 400 and "dst" in text',
        report_id="body.MessageUUID", report="body.Status", report_reason="body.ErrorCode",
        ask_url="{{ base_url }}/v1/Account/{{ user }}/Message/{{ id }}/", ask="body.message_state", ask_reason="body.error_code",
        reply_from="body.From", reply_text="body.Text",
        answer="<Response></Response>", answer_type="application/xml",
    ),
    signatures.of_plivo,
)  # fmt: skip

# https://www.plivo.com/docs/voice/api/call; the words come when the call is answered
PLIVO_VOICE = HttpGateway(
    "plivo_voice", "Plivo: phone calls", "voice",
    (Field("user", "Auth ID"), Field("password", "Auth token", secret=True), NUMBER, SIGNED, _place("https://api.plivo.com")),
    Recipe(
        url="{{ base_url }}/v1/Account/{{ user }}/Call/",
        body='{"from": "{{ sender }}", "to": "{{ to }}", "answer_url": "{{ callback }}", "answer_method": "POST", "hangup_url": "{{ callback }}", '
        '"hangup_method": "POST", "machine_detection": "true", "machine_detection_url": "{{ callback }}", "machine_detection_method": "POST", '
        '"ring_timeout": "30"}',
        success="status == 201", id="body.request_uuid", reason="body.error", bad_number='status == 400 and "to" in text',
        end_url="{{ base_url }}/v1/Account/{{ user }}/Request/{{ id }}/",
        report_id="body.RequestUUID", report='body.CallStatus if body.Event == "Hangup"', report_reason="body.HangupCause",
        delivered="completed", failed="busy, failed, timeout, no-answer, cancel, machine", machine='body.Machine == "true"', key="body.Digits",
        answer='<Response>{% if done %}<Speak>{{ said }}</Speak>{% else %}<GetInput action="{{ callback }}" method="POST" inputType="dtmf" '
        'numDigits="1" executionTimeout="12"><Speak loop="2">{{ said }} {{ menu }}</Speak></GetInput><Speak>No key was pressed.</Speak>{% endif %}'
        "</Response>",
        answer_type="application/xml",
    ),
    signatures.of_plivo,
)  # fmt: skip

# https://developers.messagebird.com/api/sms-messaging/; its reports come by GET, which changes nothing here: it is asked instead
MESSAGEBIRD = HttpGateway(
    "messagebird_sms", "MessageBird: text messages", "sms",
    (Field("token", "Access key", secret=True), SENDER, _place("https://rest.messagebird.com")),
    Recipe(
        url="{{ base_url }}/messages", headers="Authorization: AccessKey {{ token }}",
        body='{"originator": "{{ sender }}", "recipients": ["{{ number }}"], "body": "{{ text }}", "datacoding": "auto", "reference": "{{ key }}"}',
        success="status == 201", id="body.id", reason="body.errors[0].description", refused="body.errors[0].code in [2, 25, 101, 103]",
        bad_number='body.errors[0].code in [9, 10] and "recipient" in body.errors[0].parameter',
        ask_url="{{ base_url }}/messages/{{ id }}", ask="body.recipients.items[0].status", ask_reason="body.recipients.items[0].statusReason",
        failed="delivery_failed, expired",
    ),
)  # fmt: skip

_OWN = (
    Field("url", "Address", help="Templates as {{ to }} or {{ number }} (without the +) are filled in, quoted. Changing it needs the secrets again."),
    Field("method", "Method", required=False, default="POST"),
    Field("user", "User", required=False, help="With the password: sent as HTTP basic authentication."),
    Field("password", "Password", secret=True, required=False),
    Field("token", "Token", secret=True, required=False, help="Sent as bearer token where there is no user; in templates {{ token }}."),
    Field("sender", "Sender", required=False, help="In templates {{ sender }}."),
    Field("headers", "Headers", required=False, help="A line each: Name: text."),
    Field("body", "Body", required=False, help="JSON, or lines name=text that are sent as a form; with {{ to }}, {{ text }}, {{ callback }}, {{ key }}."),
    Field("success", "It was taken when", required=False, default="status >= 200 and status < 300", help="Of status, body (JSON) and text."),
    Field("refused", "The account is of no use when", required=False, default="status in [401, 402, 403]", help="Then another account is tried."),
    Field("bad_number", "The number is of no use when", required=False, help="Then the person's next method follows at once."),
    Field("id", "Its id is", required=False, help="For example body.id; reports name the message by it."),
    Field("reason", "The reason is", required=False, help="For example body.error."),
    Field("report", "Reports: the state is", required=False, help="For example body.status, of what the provider posts to {{ callback }}."),
    Field("report_id", "Reports: the id is", required=False),
    Field("report_reason", "Reports: the reason is", required=False),
    Field("delivered", "States of success", required=False, default="delivered"),
    Field("failed", "States of failure", required=False, default="failed, undelivered, rejected, expired"),
    Field("ask_url", "Address to ask for the state", required=False, help="With {{ id }}; asked after a minute without a report."),
    Field("ask", "Answer: the state is", required=False),
    Field("signature_header", "Header of the signature", required=False, default="X-Signature"),
    Field("signing_secret", "Signing secret", secret=True, required=False, help="HMAC-SHA256 of the body of its calls, as hex or Base64. Without it the address is the proof."),
)  # fmt: skip
_ANSWER = (
    Field("answer", "Answer to a call", required=False, help="With {{ said }}, {{ menu }}, {{ callback }}, {% if done %}."),
    Field("answer_type", "Its type", required=False, default="text/plain", help="text/plain, application/xml or application/json."),
)
_END = Field("end_url", "Address to end a call", required=False, help="With {{ id }}; asked with DELETE when somebody else has it.")
OWN_SMS = HttpGateway(
    "http_sms", "Any other provider: text messages", "sms",
    (*_OWN, Field("reply_from", "Texts: the sender is", required=False), Field("reply_text", "Texts: the words are", required=False), *_ANSWER),
)  # fmt: skip
OWN_VOICE = HttpGateway(
    "http_voice", "Any other provider: phone calls", "voice",
    (*_OWN, _END, Field("machine", "An answering machine when", required=False), Field("key", "The key is", required=False), *_ANSWER),
)  # fmt: skip
