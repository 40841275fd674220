"""What do Datadog's webhooks send?"""
