"""What does Uptime Kuma send?"""
