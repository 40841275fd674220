"""What does the organisation's written procedure say? Its model, its forms, its checks."""
