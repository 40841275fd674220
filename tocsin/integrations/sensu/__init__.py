"""What does Sensu send?"""
