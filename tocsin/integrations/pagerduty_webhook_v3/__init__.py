"""What do PagerDuty's webhooks of version 3 send?"""
