"""What do Prometheus and its kin post to Alertmanager's API, version 2?"""
