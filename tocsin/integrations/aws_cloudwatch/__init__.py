"""What do alarms of Amazon CloudWatch send?"""
