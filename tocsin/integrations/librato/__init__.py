"""What does Librato send?"""
