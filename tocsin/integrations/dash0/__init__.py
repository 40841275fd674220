"""What does Dash0 send?"""
