"""What does Wazuh send?"""
