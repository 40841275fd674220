"""What does Opsgenie send to webhooks?"""
