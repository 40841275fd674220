"""What does LibreNMS send?"""
