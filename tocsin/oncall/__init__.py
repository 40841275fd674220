"""Who holds the pager, when?"""
