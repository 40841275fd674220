"""Django's entry for the background."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "tocsin.jobs"
    label = "jobs"
