"""What did PagerDuty's webhooks of version 1 send?"""
