"""Which of apprise's services may be used, and which not, with the sentence that says why?

Only those that send by `requests` alone (see egress.py), read no files of this machine and take a message that the acknowledge link fits
in. tests/integrations/test_apprise.py reads their sources: what a new version of apprise adds or changes does not come in by itself.
"""

from __future__ import annotations

# module of apprise.plugins → its schemes
MODULES = {
    "acs": "acs", "apprise_api": "apprise apprises", "betterstack": "betterstack", "chanify": "chanify", "cliq": "cliq zcliq zohocliq",
    "cm": "cm", "custom_form": "form forms", "custom_json": "json jsons", "custom_xml": "xml xmls", "dingtalk": "dingtalk",
    "discord": "discord", "dot": "dot", "eight00com": "eight00com", "enigma2": "enigma2 enigma2s", "evolution": "evolution evolutions",
    "exotel": "exotel", "feishu": "feishu", "firehydrant": "firehydrant", "flock": "flock", "flowtriq": "flowtriq flowtriqs",
    "fluxer": "fluxer fluxers", "github": "github", "goalert": "goalert goalerts", "google_chat": "gchat", "gorush": "gorush gorushs",
    "gotify": "gotify gotifys", "groundmail": "groundmail", "groupme": "groupme", "gupshup": "gupshup",
    "home_assistant": "hassio hassios", "humhub": "humhub humhubs", "ifttt": "ifttt", "ilert": "ilert", "incidentio": "incidentio",
    "jira": "jira", "join": "join", "kaleyra": "kaleyra klr", "kodi": "kodi xbmc kodis xbmcs", "kook": "kook",
    "lametric": "lametric lametrics", "lark": "lark", "lauther": "lauther", "lfgalarm": "lfg", "line": "line", "mailersend": "mailersend",
    "mailgun": "mailgun", "misskey": "misskey misskeys", "nextcloud": "ncloud nclouds", "nextcloudtalk": "nctalk nctalks",
    "notica": "notica noticas", "notifico": "notifico notificos", "notifyapp": "notifyapp", "octopush": "octopush",
    "office365": "azure o365", "one_signal": "onesignal", "opsgenie": "opsgenie", "opsimate": "opsimate opsimates",
    "pagerduty": "pagerduty", "pagertree": "pagertree", "parseplatform": "parsep parseps", "pinglet": "pinglet pinglets",
    "pingram": "pingram", "postmark": "postmark", "prowl": "prowl", "pushbullet": "pbul", "pushdeer": "pushdeer pushdeers",
    "pushjet": "pjet pjets", "pushme": "pushme", "pushplus": "pushplus wecom", "pushsafer": "psafer psafers", "pushy": "pushy",
    "qq": "qq", "resend": "resend", "revolt": "revolt", "rocketchat": "rocket rockets", "ryver": "ryver",
    "sendgrid": "sendgrid", "sendpulse": "sendpulse", "serverchan": "schan", "ses": "ses", "signal_api": "signal signals",
    "signalgrid": "signalgrid", "signl4": "signl4", "smseagle": "smseagle smseagles", "smstunnel": "smstunnel", "smtp2go": "smtp2go",
    "sparkpost": "sparkpost", "spike": "spike", "spugpush": "spugpush", "squadcast": "squadcast", "stackfield": "stackfield",
    "synology": "synology synologys", "techuluspush": "push", "telesign": "telesign", "threema": "threema", "trigv": "trigv trigvs",
    "viber": "viber", "wechat": "wechat", "wecombot": "wecombot", "whatsapp": "whatsapp", "wpush": "wpush", "wxpusher": "wxpusher",
    "xmatters": "xmatters", "youlmk": "youlmk", "zalo": "zalo", "zoom": "zoom", "zulip": "zulip",
}  # fmt: skip
SERVICES = {scheme: module for module, schemes in MODULES.items() for scheme in schemes.split()}

# What Tocsin reaches by itself, and better: scheme → the kind of contact method.
OWN = {
    "pover": "Pushover", "tgram": "Telegram", "slack": "Slack", "ntfy": "ntfy", "ntfys": "ntfy", "matrix": "Matrix", "matrixs": "Matrix",
    "mmost": "Mattermost", "mmosts": "Mattermost", "workflow": "Microsoft Teams", "workflows": "Microsoft Teams",
    "msteams": "Microsoft Teams", "twilio": "Text message", "vapid": "Web Push", "mailto": "E-mail", "mailtos": "E-mail",
}  # fmt: skip
TOO_SHORT = frozenset((
    "atalk", "bluesky", "bulksms", "bulkvs", "burstsms", "clickatell", "clicksend", "d7sms", "freemobile", "httpsms", "infobip", "kakaotalk",
    "kavenegar", "kumulos", "mastodon", "mastodons", "toot", "toots", "mobilemessage", "msg91", "nexmo", "vonage", "notifyre", "pushed", "ringc",
    "serwersms", "seven", "sfr", "sinch", "smsc", "smsmgr", "smsmanager", "sns", "splunk", "victorops", "streamlabs", "telnyx", "voipms", "plivo",
    "msgbird", "46elks",
))  # fmt: skip


def why_not(scheme: str) -> str:
    """Why an address of that scheme cannot be used, in a sentence."""
    if kind := OWN.get(scheme):
        return f"Tocsin speaks to this service itself: choose the kind {kind}."
    if scheme in TOO_SHORT:
        return f"A message of {scheme}:// is too short for the link that acknowledges; text messages go through an account at a provider."
    return (
        f"{scheme[:30]}:// is not among the services that Tocsin uses apprise for: those that are reached over HTTP and read no files"
        " (the list is in the reference)."
    )
