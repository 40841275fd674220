"""What does Alertmanager send to a webhook (version 4)?"""
