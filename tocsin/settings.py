"""Which settings does this process run with? Everything comes from the environment; each has a default.

The names that users may rely on are listed in docs/reference/settings.md, which a test compares with this file.
"""

from pathlib import Path
from urllib.parse import urlsplit

import environ

from tocsin import postgres

env = environ.Env()

DATA_DIR = Path(env.str("TOCSIN_DATA_DIR", default="") or postgres.default_data_dir())
TOCSIN_URL = env.str("TOCSIN_URL", default="http://127.0.0.1:8000").rstrip("/")
BOOTSTRAP_TOKEN = env.str("TOCSIN_BOOTSTRAP_TOKEN", default="")
ADMIN_EMAIL = env.str("TOCSIN_ADMIN_EMAIL", default="")
ADMIN_PASSWORD = env.str("TOCSIN_ADMIN_PASSWORD", default="")
EGRESS_ALLOW = [item.strip() for item in env.list("TOCSIN_EGRESS_ALLOW", default=[]) if item.strip()]

SECRET_KEY = postgres.secret_key(DATA_DIR)
DEBUG = False
_public = urlsplit(TOCSIN_URL)
ALLOWED_HOSTS = sorted({_public.hostname or "localhost", "localhost", "127.0.0.1", "[::1]"})
SECURE = _public.scheme == "https"
CSRF_TRUSTED_ORIGINS = [TOCSIN_URL]

DATABASE_URL = env.str("TOCSIN_DATABASE_URL", default="") or postgres.app_url(DATA_DIR)
_database = env.db_url_config(DATABASE_URL)
DATABASES = {
    "default": {
        **_database,
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {**_database.get("OPTIONS", {}), "connect_timeout": 5, "application_name": env.str("TOCSIN_PROCESS", default="tocsin")},
    }
}
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
    "tocsin.accounts",
    "tocsin.timeline",
    "tocsin.procedures",
    "tocsin.obligations",
    "tocsin.oncall",
    "tocsin.alerts",
    "tocsin.paging",
    "tocsin.incidents",
    "tocsin.diagnosis",
    "tocsin.mitigation",
    "tocsin.statuspage",
    "tocsin.postmortems",
    "tocsin.web",
]

MIDDLEWARE = [
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
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend", "allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/"
CSRF_FAILURE_VIEW = "tocsin.web.errors.form_expired"

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-gb"
USE_I18N = True
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
