"""What does ThousandEyes send?"""
