"""What does Freshstatus send?"""
