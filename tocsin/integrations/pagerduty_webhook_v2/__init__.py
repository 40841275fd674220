"""What do PagerDuty's webhooks of version 2 send?"""
