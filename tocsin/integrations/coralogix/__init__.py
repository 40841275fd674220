"""What does Coralogix send?"""
