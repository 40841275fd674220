"""Pages by Mattermost."""
