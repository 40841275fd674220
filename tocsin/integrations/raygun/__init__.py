"""What does Raygun send?"""
