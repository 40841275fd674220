"""What did Insping send?"""
