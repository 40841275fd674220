"""Pages by Microsoft Teams, through a workflow."""
