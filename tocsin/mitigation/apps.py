from django.apps import AppConfig


class MitigationConfig(AppConfig):
    name = "tocsin.mitigation"
    label = "mitigation"
