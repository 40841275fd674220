from django.apps import AppConfig


class TimelineConfig(AppConfig):
    name = "tocsin.timeline"
    label = "timeline"
