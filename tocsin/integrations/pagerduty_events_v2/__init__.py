"""What do clients of PagerDuty's Events API v2 send?"""
