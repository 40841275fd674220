"""What does Airbrake send?"""
