"""What do Azure Monitor's action groups send without the common schema?"""
