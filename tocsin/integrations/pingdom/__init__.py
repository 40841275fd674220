"""What does Pingdom send?"""
