"""What should have been heard by now, and was not?"""

from django.apps import AppConfig


class HeartbeatsConfig(AppConfig):
    name = "tocsin.heartbeats"
    label = "heartbeats"
