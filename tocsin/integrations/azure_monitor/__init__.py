"""What do Azure Monitor's action groups send in the common schema?"""
