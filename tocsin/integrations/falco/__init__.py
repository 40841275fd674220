"""What does Falco send?"""
