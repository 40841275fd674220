"""Who are the people, what may they do, and who did what to the settings?"""
