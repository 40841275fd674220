"""What does Netlify send?"""
