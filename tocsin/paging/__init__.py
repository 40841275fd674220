"""Who is being paged about what, by which way, and did it reach them?"""
