"""What does a notification of Icinga send?"""
