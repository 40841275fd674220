"""Which settings does this process run with? Everything comes from the environment; each has a default.

The names that users may rely on are listed in docs/reference/settings.md, which a test compares with this file.
"""

import ipaddress
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import environ
from csp.constants import NONCE

from tocsin import postgres

env = environ.Env()

DATA_DIR = Path(env.str("TOCSIN_DATA_DIR", default="") or postgres.default_data_dir())
TOCSIN_URL = env.str("TOCSIN_URL", default="http://127.0.0.1:8000").rstrip("/")
MAIL_IN_DOMAIN = (
    (env.str("TOCSIN_MAIL_DOMAIN", default="") or urlsplit(TOCSIN_URL).hostname or "localhost")
    if env.str("TOCSIN_SMTP_LISTEN", default="")
    else ""
)
BOOTSTRAP_TOKEN = env.str("TOCSIN_BOOTSTRAP_TOKEN", default="")
ADMIN_EMAIL = env.str("TOCSIN_ADMIN_EMAIL", default="")
ADMIN_PASSWORD = env.str("TOCSIN_ADMIN_PASSWORD", default="")
TRUSTED_PROXIES = [
    ipaddress.ip_network(item.strip(), strict=False) for item in env.list("TOCSIN_TRUSTED_PROXIES", default=[]) if item.strip()
]
EGRESS_ALLOW = [item.strip() for item in env.list("TOCSIN_EGRESS_ALLOW", default=[]) if item.strip()]
HEARTBEAT_URL = env.str("TOCSIN_HEARTBEAT_URL", default="")
ALARM = [item.strip() for item in env.list("TOCSIN_ALARM", default=[]) if item.strip()]
SNS_ENDPOINTS = frozenset(item.strip().lower() for item in env.list("TOCSIN_SNS_ENDPOINTS", default=[]) if item.strip())

SECRET_KEY = postgres.secret_key(DATA_DIR)
DEBUG = False
_public = urlsplit(TOCSIN_URL)
ALLOWED_HOSTS = sorted({_public.hostname or "localhost", "localhost", "127.0.0.1", "[::1]"})
SECURE = _public.scheme == "https"
CSRF_TRUSTED_ORIGINS = [TOCSIN_URL]

PROCESS = env.str("TOCSIN_PROCESS", default="shell")  # which part of the house this is: web, worker, migrate, shell
# No statement of web or worker may hold others up for long; migrations and the shell may take their time.
_LIMITS = "-c statement_timeout=15s -c lock_timeout=5s -c idle_in_transaction_session_timeout=30s"
_NO_HURRY = "-c idle_in_transaction_session_timeout=0"  # the server has a limit of its own, which a laptop that sleeps meets
DATABASE_URL = env.str("TOCSIN_DATABASE_URL", default="") or postgres.app_url(DATA_DIR)
_database = env.db_url_config(DATABASE_URL)
DATABASES = {
    "default": {
        **_database,
        "ENGINE": "tocsin.lib.database",
        # A new session of PostgreSQL is slow at first: the pager keeps its own for long.
        "CONN_MAX_AGE": 600 if PROCESS == "worker" else 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            **_database.get("OPTIONS", {}),
            "connect_timeout": 5,
            "tcp_user_timeout": 10_000,
            "application_name": f"tocsin {PROCESS}",
            "options": _LIMITS if PROCESS in ("web", "worker") else _NO_HURRY if PROCESS == "migrate" else "",
        },
    }
}
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "jobs"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "procrastinate.contrib.django",
    "django_htmx",
    "csp",
    "tocsin.jobs",
    "tocsin.accounts",
    "tocsin.timeline",
    "tocsin.procedures",
    "tocsin.obligations",
    "tocsin.oncall",
    "tocsin.alerts",
    "tocsin.paging",
    "tocsin.heartbeats",
    "tocsin.incidents",
    "tocsin.diagnosis",
    "tocsin.mitigation",
    "tocsin.statuspage",
    "tocsin.postmortems",
    "tocsin.web",
]

MIDDLEWARE = [
    "tocsin.web.frame.Frame",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "tocsin.web.gate.Gate",
]

ROOT_URLCONF = "tocsin.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "web" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "tocsin.web.context.shell",
            ]
        },
    }
]

AUTH_USER_MODEL = "accounts.User"
SILENCED_SYSTEM_CHECKS = ["auth.W004"]  # addresses are unique without regard to case, by a constraint that the check does not know
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend", "allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator", "OPTIONS": {"user_attributes": ["name", "email"]}},
]

MFA_ADAPTER = "tocsin.accounts.second_factors.MFAAdapter"
ACCOUNT_ADAPTER = "tocsin.accounts.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"  # whoever adds a person vouches for the address
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False  # this session goes on, the others end
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_DEFAULT_HTTP_PROTOCOL = _public.scheme
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "10/m/ip,5/5m/key",
    "reset_password": "10/m/ip,3/m/key",
    "reset_password_from_key": "10/m/ip",
}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Tocsin"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not SECURE  # browsers themselves allow http for localhost only
SOCIALACCOUNT_ADAPTER = "tocsin.accounts.adapters.SocialAdapter"
SOCIALACCOUNT_AUTO_SIGNUP = True
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False  # accounts/adapters.py joins by verified address
SOCIALACCOUNT_STORE_TOKENS = False
OIDC_ISSUER = env.str("TOCSIN_OIDC_ISSUER", default="")
OIDC_DOMAINS = [item.strip().lower() for item in env.list("TOCSIN_OIDC_DOMAINS", default=[]) if item.strip()]
_oidc_app = {
    "provider_id": "sso",
    "name": env.str("TOCSIN_OIDC_NAME", default="single sign-on"),
    "client_id": env.str("TOCSIN_OIDC_CLIENT_ID", default=""),
    "secret": env.str("TOCSIN_OIDC_CLIENT_SECRET", default=""),
    "settings": {"server_url": OIDC_ISSUER},
}
SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [_oidc_app] if OIDC_ISSUER else []}}
USERSESSIONS_TRACK_ACTIVITY = False

# Sign-in limits, shared by all processes.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "accounts_cache"}}
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "tocsin.web.errors.form_expired"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None  # web/frame.py drops it from others
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'", NONCE],  # the nonce is in the header only where a page asks for it (positions of shifts)
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-gb"
USE_I18N = True
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True  # files are served from the packages: there is no step that collects them

# Outgoing mail: smtp://user:password@host:587?tls=1 (STARTTLS) or ?ssl=1 (TLS from the start). Without it mail is not available, and says so.
SMTP_URL = env.str("TOCSIN_SMTP_URL", default="")
_smtp, _smtp_options = urlsplit(SMTP_URL), dict(parse_qsl(urlsplit(SMTP_URL).query))
EMAIL_HOST, EMAIL_PORT = _smtp.hostname or "", _smtp.port or 25
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(_smtp.username or ""), unquote(_smtp.password or "")
EMAIL_USE_TLS, EMAIL_USE_SSL = _smtp_options.get("tls") == "1", _smtp_options.get("ssl") == "1"
EMAIL_TIMEOUT = 15
# Or a mail service that is spoken to over HTTP (integrations/email/services.py); the SMTP server, if there is one too, takes over where it fails.
MAIL_SERVICE = env.str("TOCSIN_MAIL_SERVICE", default="").strip().lower()
MAIL_SERVICE_KEY = env.str("TOCSIN_MAIL_SERVICE_KEY", default="")
MAIL_SERVICE_OPTIONS = dict(parse_qsl(env.str("TOCSIN_MAIL_SERVICE_OPTIONS", default="")))
MAIL_SERVICE_WEBHOOK_KEY = env.str("TOCSIN_MAIL_SERVICE_WEBHOOK_KEY", default="")
if MAIL_SERVICE:
    EMAIL_BACKEND = "tocsin.integrations.email.service.Backend"
DEFAULT_FROM_EMAIL = env.str("TOCSIN_MAIL_FROM", default=f"tocsin@{_public.hostname or 'localhost'}")

LOGGING_CONFIG = None  # lib/logs.py sets the logs up, where a process begins
