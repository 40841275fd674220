from django.apps import AppConfig


class DiagnosisConfig(AppConfig):
    name = "tocsin.diagnosis"
    label = "diagnosis"
