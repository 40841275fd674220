"""What do other people's status pages send to their subscribers?"""
