"""What does UptimeRobot send?"""
