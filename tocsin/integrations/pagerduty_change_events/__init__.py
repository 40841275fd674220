"""What do clients of PagerDuty's change events endpoint send?"""
