from django.apps import AppConfig


class ProceduresConfig(AppConfig):
    name = "tocsin.procedures"
    label = "procedures"
