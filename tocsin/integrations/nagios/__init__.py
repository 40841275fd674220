"""What does a notification command of Nagios send?"""
