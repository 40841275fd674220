"""What does a status page answer to its API's readers?"""
