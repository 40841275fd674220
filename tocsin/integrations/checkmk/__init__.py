"""What does Checkmk send?"""
