"""What does a media type script of Zabbix send?"""
