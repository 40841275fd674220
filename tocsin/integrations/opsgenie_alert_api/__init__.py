"""What do clients of Opsgenie send to its Alert API?"""
