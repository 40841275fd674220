"""What does NetBox send?"""
